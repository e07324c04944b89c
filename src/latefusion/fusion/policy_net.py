"""The policy network: shallow, from all class probabilities of the experts to class probabilities, one network a fold.

Bi et al. 2020, section 3.3.2. The folds' networks are trained together as one stacked model: a batch of small matrix
products costs little more than one of them, and Adam works weight by weight, so the folds do not touch each other.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from latefusion.config import Policy
from latefusion.metrics import macro_f1
from latefusion.randomness import derive_seed


class StackedPolicy(nn.Module):
    """F networks of one shape side by side; weights have a leading fold axis."""

    def __init__(self, sizes: list[int], n_folds: int, seed: int):
        super().__init__()
        generators = [torch.Generator().manual_seed(derive_seed(seed, "init", fold)) for fold in range(n_folds)]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            bound = 1 / math.sqrt(fan_in)  # as nn.Linear starts
            draw = [torch.empty(fan_in + 1, fan_out).uniform_(-bound, bound, generator=g) for g in generators]
            stacked = torch.stack(draw)  # (F, in + 1, out)
            self.weights.append(nn.Parameter(stacked[:, :-1].clone()))
            self.biases.append(nn.Parameter(stacked[:, -1:].clone()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (F, B, in) to logits (F, B, C)."""
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                x = x.relu()
            x = torch.baddbmm(bias, x, weight)
        return x


@dataclass(frozen=True)
class FittedPolicy:
    """The folds' networks, each at its epoch of highest macro-F1 on the products it left out."""

    net: StackedPolicy
    best_epochs: list[int]
    oof_probs: np.ndarray  # (N_valid, C), each product by the network that did not train on it

    @torch.inference_mode()
    def fold_probs(self, inputs: np.ndarray) -> np.ndarray:
        """Return (F, N, C) float32."""
        x = torch.from_numpy(inputs).float().expand(len(self.best_epochs), -1, -1)
        return self.net(x).softmax(dim=-1).numpy()


def fit_policy(
    inputs: np.ndarray, targets: np.ndarray, folds: np.ndarray, num_classes: int, policy: Policy
) -> FittedPolicy:
    """Train one network a fold on (N, experts x C) probabilities and (N,) class numbers; `folds` is (N,)."""
    n_folds = policy.n_folds
    hidden = [policy.hidden_size] if policy.layers == 2 else []
    net = StackedPolicy([inputs.shape[1], *hidden, num_classes], n_folds, policy.seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=policy.lr)
    x, y = torch.from_numpy(inputs).float(), torch.from_numpy(targets).long()
    everything = x.expand(n_folds, -1, -1)
    best = [(-1.0, 0, np.empty(0), {})] * n_folds  # macro-F1, epoch, probabilities of the left-out, weights
    for epoch in range(policy.epochs):
        for rows, real in _batches(folds, n_folds, policy, epoch):
            losses = cross_entropy(net(x[rows]).flatten(0, 1), y[rows].flatten(), reduction="none").view_as(real)
            loss = ((losses * real).sum(dim=1) / real.sum(dim=1)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            probs = net(everything).softmax(dim=-1).numpy()
        for fold in range(n_folds):
            left_out = folds == fold
            score = macro_f1(targets[left_out], probs[fold, left_out].argmax(axis=1))
            if score > best[fold][0]:
                weights = {key: value[fold].clone() for key, value in net.state_dict().items()}
                best[fold] = (score, epoch + 1, probs[fold, left_out], weights)
    net.load_state_dict({key: torch.stack([weights[key] for *_, weights in best]) for key in net.state_dict()})
    oof_probs = np.empty((len(targets), num_classes), dtype=np.float32)
    for fold, (_, _, probs, _) in enumerate(best):
        oof_probs[folds == fold] = probs
    return FittedPolicy(net, [epoch for _, epoch, _, _ in best], oof_probs)


def _batches(folds: np.ndarray, n_folds: int, policy: Policy, epoch: int):
    """Yield (F, B) row numbers and which of them are real.

    Every fold has as many batches as the largest: a batch without any product of a fold would still move its weights,
    by Adam's momentum. Batches of one step differ by a product or so, and the shorter are padded.
    """
    orders = []
    for fold in range(n_folds):
        rng = np.random.default_rng(derive_seed(policy.seed, "order", fold, epoch))
        orders.append(rng.permutation(np.flatnonzero(folds != fold)))
    n_batches = math.ceil(max(len(order) for order in orders) / policy.batch_size)
    for batches in zip(*(np.array_split(order, n_batches) for order in orders), strict=True):
        longest = max(len(batch) for batch in batches)
        rows = np.stack([np.pad(batch, (0, longest - len(batch))) for batch in batches])
        real = np.stack([np.arange(longest) < len(batch) for batch in batches])
        yield torch.from_numpy(rows), torch.from_numpy(real).float()
