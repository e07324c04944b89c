"""The policy network that chooses which of two experts decides on a product.

Zahavy et al., "Is a picture worth a thousand words?", 2016, section 3.4. It learns whether the second expert is right
and the first is wrong, with the weighted sigmoid cross-entropy, whose positive weight q makes it choose the second more
often. Where its output is above a half the second expert's probabilities decide, elsewhere those of the first.

For each fold there is a network that was trained on the other folds, and one for other products, trained on all. They
are trained together as one stack (`networks`), each for the same number of epochs: none is chosen by its score.
`raw_select` has the policies that read the raw text or image instead.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.special import expit
from torch.nn.functional import binary_cross_entropy_with_logits

from latefusion.config import SelectPolicy
from latefusion.fusion.asked import Asked
from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.fusion.networks import StackedPolicy, stacked_batches, stacked_features
from latefusion.metrics.decisions import decide, is_right
from latefusion.utils.errors import InputError
from latefusion.utils.progress import Bar
from latefusion.utils.seeds import derive_seed
from latefusion.utils.weights import save_weights

HIDDEN = 10  # ReLU units of the policy with two layers, as published


@dataclass(frozen=True)
class FittedSelect:
    """The network for other products, and what those of the folds have chosen on the products that they hold out."""

    inputs: FusionInputs[SelectPolicy]
    weights: dict[str, torch.Tensor]  # state dict of a StackedPolicy with one network
    oof_probs: np.ndarray  # (N, C)
    oof_asked: Asked

    @property
    def facts(self) -> dict:
        """The shares of products for which the choice is right, and so on: see `choice_facts`."""
        return choice_facts(self.inputs, self.oof_asked)

    def save(self, run_dir: Path) -> None:
        """Write the weights to `model.safetensors`."""
        save_weights(self.weights, run_dir / "model.safetensors")

    @torch.inference_mode()
    def asked(self, tables: tuple[np.ndarray, ...]) -> Asked:
        """Return for which products the second expert is chosen, from the (N, C) tables of both."""
        net = _build(self.inputs, [0])
        net.load_state_dict(self.weights)
        logits = net(torch.from_numpy(_features(self.inputs, ALL, tables))[None])[0, :, 0].numpy()
        return _asked(logits)

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and (N, C) probabilities for products, from the (N, C) tables of both experts."""
        chosen = self.asked(tables).asked
        first, second = self.inputs.calibrated(ALL, tables)
        probs = np.where(chosen[:, None], second, first)
        return decide(probs, several=self.inputs.several), probs


def choice_facts(inputs: FusionInputs, oof_asked: Asked) -> dict:
    """Return the shares of products for which the choice is right, and for which the second expert is chosen.

    `oracle_accuracy`: the share of products on which at least one of the two experts is right.
    """
    rights = [is_right(inputs.targets, _preds(inputs, table)) for table in inputs.tables]
    first, second = (right[inputs.known] for right in rights)
    chosen = oof_asked.asked[inputs.known]
    return {
        "policy_accuracy": float((chosen == (second & ~first)).mean()),
        "share_chosen": float(chosen.mean()),
        "oracle_accuracy": float((first | second).mean()),
    }


def load_select(inputs: FusionInputs[SelectPolicy], run_dir: Path, facts: dict) -> FittedSelect:
    """Return the policy whose weights are in `run_dir`; `facts` is not used."""
    weights = load_file(run_dir / "model.safetensors")
    return FittedSelect(inputs, weights, inputs.tables[0], Asked.nothing())


def fit_select(inputs: FusionInputs[SelectPolicy]) -> FittedSelect:
    """Train a network for each fold on the other folds, and one on all."""
    policy, folds = inputs.policy, (*range(inputs.policy.n_folds), ALL)
    networks = [(inputs, fold) for fold in folds]
    features, index = stacked_features(networks, _features)
    net = _build(inputs, [derive_seed(policy.seed, "init", fold) for fold in folds])
    labels = torch.from_numpy(np.stack([second_alone_is_right(inputs, fold) for fold in folds])).float()
    train_rows = [inputs.fit_rows(fold) for fold in folds]
    optimizer = torch.optim.Adam(net.parameters(), lr=policy.lr)
    positive_weight, number = torch.tensor(policy.positive_weight), torch.arange(len(folds))[:, None]
    for epoch in Bar(range(policy.epochs), f"{len(folds)} networks that choose", unit="epoch"):
        orders = [derive_seed(policy.seed, "order", fold, epoch) for fold in folds]
        for rows, weights in zip(*stacked_batches(train_rows, orders, policy.batch_size), strict=True):
            logits = net(features[index, rows])[..., 0]
            losses = binary_cross_entropy_with_logits(
                logits, labels[number, rows].to(logits.dtype), pos_weight=positive_weight, reduction="none"
            )
            optimizer.zero_grad()
            (losses * weights).sum().backward()  # each network gets the gradient of training it alone
            optimizer.step()
    oof_logits = _held_out_logits(inputs, net, features, index)
    oof_asked = _asked(oof_logits)
    oof_probs = np.empty_like(inputs.tables[0])
    for fold in range(policy.n_folds):
        held_out = inputs.folds == fold
        first, second = inputs.calibrated(fold, tuple(table[held_out] for table in inputs.tables))
        oof_probs[held_out] = np.where(oof_asked.asked[held_out, None], second, first)
    final = {key: value[-1:].clone() for key, value in net.state_dict().items()}
    return FittedSelect(inputs, final, oof_probs, oof_asked)


@torch.no_grad()
def _held_out_logits(
    inputs: FusionInputs[SelectPolicy], net: StackedPolicy, features: torch.Tensor, index: torch.Tensor
) -> np.ndarray:
    """Return (N,) logits: those of the network that holds the product out."""
    logits = np.empty(len(inputs.targets), dtype=np.float32)
    for fold in range(inputs.policy.n_folds):
        rows = np.flatnonzero(inputs.folds == fold)
        x = features[index[fold], torch.from_numpy(rows)]
        logits[rows] = net(x[None], slice(fold, fold + 1))[0, :, 0].numpy()
    if not np.isfinite(logits).all():
        policy = inputs.policy
        raise InputError(
            f"policy of kind select on {', '.join(policy.experts)}: its outputs are not finite: lower its lr "
            f"{policy.lr}"
        )
    return logits


def _build(inputs: FusionInputs[SelectPolicy], seeds: list[int]) -> StackedPolicy:
    policy = inputs.policy
    n_inputs = 2 * (min(policy.top_k, inputs.num_classes) if policy.inputs == "top_k" else inputs.num_classes)
    hidden = [HIDDEN] if policy.layers == 2 else []
    return StackedPolicy([n_inputs, *hidden, 1], seeds, ["relu"] * len(hidden))


def _features(
    inputs: FusionInputs[SelectPolicy], fold: int, tables: tuple[np.ndarray, ...] | None = None
) -> np.ndarray:
    """Return (N, in) float32: all probabilities of both experts, or the k highest of each in descending order."""
    blocks = inputs.calibrated(fold, tables)
    if inputs.policy.inputs == "top_k":
        blocks = [highest(table, inputs.policy.top_k) for table in blocks]
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def highest(probs: np.ndarray, k: int) -> np.ndarray:
    """Return (N, k): the k highest probabilities of each row, or all if there are fewer, in descending order."""
    if k < probs.shape[1]:
        probs = np.partition(probs, -k, axis=1)[:, -k:]
    return -np.sort(-probs, axis=1)


def second_alone_is_right(inputs: FusionInputs, fold: int) -> np.ndarray:
    """Return (N,) bools, the labels of the network of a fold: the second expert is right, and the first is wrong."""
    first, second = (is_right(inputs.targets, _preds(inputs, table)) for table in inputs.tables_of(fold))
    return second & ~first


def _preds(inputs: FusionInputs, table: np.ndarray) -> np.ndarray:
    return decide(table, several=inputs.several)


def _asked(logits: np.ndarray) -> Asked:
    return Asked(expit(logits), logits > 0)
