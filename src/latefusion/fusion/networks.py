"""The policy network: shallow, from the experts' class probabilities to class probabilities; one network per fold.

Bi et al. 2020, section 3.3.2; of several labels, Wirojwatanakul and Wangperawong 2019. Networks of the same shape, of
all folds and policies, are trained together as one stack, whose parameters have a leading axis for the network (as in
`torch.func.stack_module_state`; unrelated to stacking in `stacking.py`). A batch of small matrix products costs little
more than a single one. Adam updates each weight separately, so the networks do not influence each other.

Test products are decided as published: by a vote of the folds' networks (of several labels, by their mean
probabilities), each at its epoch of highest score (`metric` of the config) on its held-out products. On validation
products this choice of epoch would make the scores too high, and a choice by the other folds would not help: their
networks are trained on the labels that are to be scored. So each validation product gets the probabilities of the
network that held it out, after the last epoch: no label was used to choose that epoch. Those of the chosen epoch are
kept too (`selected_probs`): the confidence of test products is calibrated with them, because networks of an early epoch
are much less confident than those of the last.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from latefusion.config import NetworkPolicy
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.vote import majority_vote
from latefusion.metrics.decisions import decide
from latefusion.metrics.f1 import count
from latefusion.training.objective import ONE_LABEL, Objective, SeveralLabels
from latefusion.utils.errors import InputError
from latefusion.utils.progress import Bar
from latefusion.utils.seeds import derive_seed
from latefusion.utils.weights import save_weights

STACK_BYTES = 24_000_000  # memory that a stack uses in a step; stacks that exceed the CPU caches are slower
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


class StackedPolicy(nn.Module):
    """S networks of the same shape; parameters have a leading axis of size S. One seed per network.

    `activations`: the names of those of the hidden layers.
    """

    def __init__(self, sizes: Sequence[int], seeds: Sequence[int], activations: Sequence[str] = ()):
        super().__init__()
        self.activations = [ACTIVATIONS[name] for name in activations]
        if len(self.activations) != len(sizes) - 2:
            raise ValueError(f"{len(self.activations)} activations for the {len(sizes) - 2} hidden layers of {sizes}")
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            bound = 1 / math.sqrt(fan_in)  # the initialisation of nn.Linear
            draw = [torch.empty(fan_in + 1, fan_out).uniform_(-bound, bound, generator=g) for g in generators]
            stacked = torch.stack(draw)  # (S, in + 1, out)
            self.weights.append(nn.Parameter(stacked[:, :-1].clone()))
            self.biases.append(nn.Parameter(stacked[:, -1:].clone()))

    def forward(self, x: torch.Tensor, networks: slice = slice(None)) -> torch.Tensor:
        """Map (S, B, in) to logits (S, B, C), with all networks or a slice of them."""
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                x = self.activations[layer - 1](x)
            x = torch.baddbmm(bias[networks], x, weight[networks])
        return x


@dataclass(frozen=True)
class FittedNetworks:
    """A policy's networks, one per fold, each at its epoch of highest score on its held-out products.

    `oof_probs` (N, C): the probabilities of each validation product by the network that held it out, after the last
    epoch. `selected_probs` (N, C): the same at the network's epoch of highest score.
    """

    inputs: FusionInputs[NetworkPolicy]
    weights: dict[str, torch.Tensor]  # state dict of a StackedPolicy with one network per fold
    best_epochs: list[int]
    oof_probs: np.ndarray
    selected_probs: np.ndarray

    @property
    def facts(self) -> dict:
        return {"best_epochs": self.best_epochs}

    def save(self, run_dir: Path) -> None:
        """Write the weights to `model.safetensors`."""
        save_weights(self.weights, run_dir / "model.safetensors")

    @torch.inference_mode()
    def fold_probs(self, tables: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return (F, N, C) float32: the probabilities of each fold's network, from the experts' (N, C) tables."""
        policy = self.inputs.policy
        net = StackedPolicy(network_sizes(self.inputs), [0] * policy.n_folds, policy.hidden_activations)
        net.load_state_dict(self.weights)
        features = np.stack([self.inputs.features(fold, tables) for fold in range(policy.n_folds)])
        return _objective(self.inputs).probs(net(torch.from_numpy(features))).numpy()

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the networks' decisions, and their mean probabilities (N, C).

        Of one label, the majority decides; of several, the mean probabilities.
        """
        probs = self.fold_probs(tables)
        mean = probs.mean(axis=0)
        if self.inputs.several:
            return decide(mean, several=True), mean
        return majority_vote(probs.argmax(axis=2), probs.sum(axis=0)), mean


def load_networks(inputs: FusionInputs[NetworkPolicy], run_dir: Path, facts: dict) -> FittedNetworks:
    """Return the networks whose weights are in `run_dir`; `facts` is the policy's metrics.json."""
    nothing = inputs.tables[0]
    return FittedNetworks(inputs, load_file(run_dir / "model.safetensors"), facts["best_epochs"], nothing, nothing)


def group_into_stacks(policies: dict[str, FusionInputs[NetworkPolicy]]) -> list[list[str]]:
    """Return the names of the policies in stacks of the same shape and training settings, limited to `STACK_BYTES`."""
    groups: dict[tuple, list[str]] = {}
    for name, policy_inputs in policies.items():
        policy: NetworkPolicy = policy_inputs.policy
        settings: tuple = (policy.n_folds, policy.epochs, policy.lr, _batch_size(policy_inputs), policy.positive_weight)
        settings += policy.hidden_activations
        groups.setdefault((*network_sizes(policy_inputs), *settings), []).append(name)
    return [
        names[start : start + size]
        for names in groups.values()
        for size in [_stack_size(policies[names[0]])]
        for start in range(0, len(names), size)
    ]


def fit_networks(stack: list[FusionInputs[NetworkPolicy]]) -> list[FittedNetworks]:
    """Train the policies of one stack: one network for each fold of each policy.

    Raises InputError if the probabilities of a network are not finite: its learning rate is too high.
    """
    return _StackTrainer(stack).fit()


def network_sizes(inputs: FusionInputs[NetworkPolicy]) -> list[int]:
    """Return the layer sizes of a policy's network, from its input to the classes."""
    policy, num_classes = inputs.policy, inputs.num_classes
    return [len(inputs.tables) * num_classes, *policy.hidden_sizes, num_classes]


def _objective(inputs: FusionInputs[NetworkPolicy]) -> Objective:
    return SeveralLabels(inputs.policy.positive_weight) if inputs.several else ONE_LABEL


def stacked_batches(
    train_rows: Sequence[np.ndarray], seeds: Sequence[int], batch_size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n, S, B) row numbers of n steps of S networks, and their (n, S, B) weights in the mean loss of a batch.

    `train_rows`: the row numbers that each network is trained on; `seeds`: of the order of each. All networks have as
    many batches as the one with the most products, so that no network gets an empty batch: Adam's momentum would still
    change its weights. The batches of one step differ in size by about one product; shorter ones are padded with rows
    of weight 0.
    """
    n_batches = math.ceil(max(len(rows) for rows in train_rows) / batch_size)
    longest = max(math.ceil(len(rows) / n_batches) for rows in train_rows)
    batches = np.zeros((n_batches, len(train_rows), longest), dtype=np.int64)
    weights = np.zeros(batches.shape, dtype=np.float32)
    for number, (own, seed) in enumerate(zip(train_rows, seeds, strict=True)):
        order = np.random.default_rng(seed).permutation(own)
        for batch, rows in enumerate(np.array_split(order, n_batches)):
            batches[batch, number, : len(rows)] = rows
            weights[batch, number, : len(rows)] = 1 / max(len(rows), 1)
    return torch.from_numpy(batches), torch.from_numpy(weights)


def stacked_features(
    networks: Sequence[tuple[FusionInputs, int]],
    features_of: Callable[[FusionInputs, int], np.ndarray] = FusionInputs.features,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the T distinct feature tables (T, N, in) of S networks, and the index (S, 1) of each network's table.

    `networks`: the inputs and the fold of each; `features_of` returns the features of both. Networks share a table
    unless their fold changes it: with thousands of classes, a table takes hundreds of megabytes.
    """
    numbers: dict[tuple, int] = {}
    tables: list[tuple[FusionInputs, int]] = []
    indices = []
    for inputs, fold in networks:
        policy = inputs.policy
        own = (id(inputs), fold) if policy.calibrate else ()
        key = (*map(id, inputs.tables_of(fold)), policy.inputs, policy.top_k, *own)
        if numbers.setdefault(key, len(tables)) == len(tables):
            tables.append((inputs, fold))
        indices.append(numbers[key])
    first = features_of(*tables[0])
    features = torch.empty((len(tables), *first.shape), dtype=torch.get_default_dtype())
    features[0] = torch.from_numpy(first)
    del first
    for number, (inputs, fold) in enumerate(tables[1:], 1):
        features[number] = torch.from_numpy(features_of(inputs, fold))
    return features, torch.tensor(indices)[:, None]


def _batch_size(inputs: FusionInputs[NetworkPolicy]) -> int:
    return min(inputs.policy.batch_size, len(inputs.targets))


def _stack_size(inputs: FusionInputs[NetworkPolicy]) -> int:
    """Return how many policies of this shape fit into a stack of `STACK_BYTES`."""
    sizes, batch = network_sizes(inputs), _batch_size(inputs)
    weights = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    # bytes of a network in float32: weight, gradient and Adam's two moments; activations and their gradients
    network_bytes = 4 * (4 * weights + batch * (sizes[0] + 3 * sum(sizes[1:])))
    return max(1, STACK_BYTES // (network_bytes * inputs.policy.n_folds))


class _StackTrainer:
    """Trains one stack of policies, each given by its FusionInputs; network s is fold `s % F` of policy `s // F`."""

    def __init__(self, stack: list[FusionInputs[NetworkPolicy]]):
        self.stack = stack
        self.policy: NetworkPolicy = stack[0].policy  # for the settings that all policies of the stack share
        self.n_folds = self.policy.n_folds
        self.networks = [(policy_inputs, fold) for policy_inputs in stack for fold in range(self.n_folds)]
        seeds = [derive_seed(policy_inputs.policy.seed, "init", fold) for policy_inputs, fold in self.networks]
        self.net = StackedPolicy(network_sizes(stack[0]), seeds, self.policy.hidden_activations)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=self.policy.lr)
        self.objective = _objective(stack[0])
        self.features, self.feature_index = stacked_features(self.networks)
        self.train_rows = [policy_inputs.fit_rows(fold) for policy_inputs, fold in self.networks]
        # Labels that are hidden from some of the policies are of no row that these are trained on.
        targets = np.maximum.reduce([policy_inputs.targets for policy_inputs in stack]).clip(min=0)
        self.targets = torch.from_numpy(targets) if stack[0].several else torch.from_numpy(targets).long()
        self.held_out = [np.flatnonzero(policy_inputs.folds == fold) for policy_inputs, fold in self.networks]
        self.best_scores = np.full(len(self.networks), -1.0)
        self.best_epochs = np.zeros(len(self.networks), dtype=int)
        self.best = {key: value.clone() for key, value in self.net.state_dict().items()}
        shape = (len(stack), len(stack[0].targets), stack[0].num_classes)
        self.best_probs = np.zeros(shape, dtype=np.float32)  # of held-out products

    def fit(self) -> list[FittedNetworks]:
        """Train all networks; return the fitted policies in their order."""
        for epoch in Bar(range(self.policy.epochs), f"{len(self.networks)} networks", unit="epoch"):
            self._train_epoch(epoch)
            oof_probs = [self._held_out_probs(number) for number in range(len(self.stack))]
            self._keep_best(epoch, oof_probs)
        return [self._result(number, oof_probs[number]) for number in range(len(self.stack))]

    def _train_epoch(self, epoch: int) -> None:
        orders = [derive_seed(inputs.policy.seed, "order", fold, epoch) for inputs, fold in self.networks]
        for rows, weights in zip(*stacked_batches(self.train_rows, orders, self.policy.batch_size), strict=True):
            logits = self.net(self.features[self.feature_index, rows])
            # The sum of the networks' mean losses: each network gets the gradient of training it alone.
            loss = (self.objective.row_losses(logits, self.targets[rows]) * weights).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    @torch.no_grad()
    def _held_out_probs(self, number: int) -> np.ndarray:
        """Return (N, C) for policy `number`: each product's current probabilities by the network that holds it out."""
        inputs = self.stack[number]
        probs = np.empty((len(inputs.targets), inputs.num_classes), dtype=np.float32)
        for network in range(number * self.n_folds, (number + 1) * self.n_folds):
            rows = self.held_out[network]
            x = self.features[self.feature_index[network], torch.from_numpy(rows)]
            probs[rows] = self.objective.probs(self.net(x[None], slice(network, network + 1))[0]).numpy()
        if not np.isfinite(probs).all():
            experts = ", ".join(inputs.policy.experts)
            raise InputError(
                f"policy of kind network on {experts}: its probabilities are not finite: lower its lr {self.policy.lr}"
            )
        return probs

    def _keep_best(self, epoch: int, oof_probs: list[np.ndarray]) -> None:
        """Keep the weights of each network whose score on its held-out products is higher than ever before."""
        scores = np.concatenate(list(map(_fold_scores, self.stack, oof_probs)))  # (S,)
        better = scores > self.best_scores
        self.best_scores[better] = scores[better]
        self.best_epochs[better] = epoch + 1
        for key, value in self.net.state_dict().items():
            self.best[key][torch.from_numpy(better)] = value[torch.from_numpy(better)]
        for network in np.flatnonzero(better):
            policy, rows = network // self.n_folds, self.held_out[network]
            self.best_probs[policy, rows] = oof_probs[policy][rows]

    def _result(self, number: int, oof_probs: np.ndarray) -> FittedNetworks:
        own = slice(number * self.n_folds, (number + 1) * self.n_folds)
        weights = {key: value[own].clone() for key, value in self.best.items()}
        best_epochs = self.best_epochs[own].tolist()
        return FittedNetworks(self.stack[number], weights, best_epochs, oof_probs, self.best_probs[number])


def _fold_scores(inputs: FusionInputs[NetworkPolicy], oof_probs: np.ndarray) -> np.ndarray:
    """Return (F,): the score of each fold's network on its held-out products."""
    preds, n_folds = decide(oof_probs, several=inputs.several), inputs.policy.n_folds
    return count(inputs.targets, preds, inputs.num_classes, inputs.folds, n_folds).score(inputs.metric)
