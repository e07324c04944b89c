"""The policy network: shallow, from all class probabilities of the experts to class probabilities, one network a fold.

Bi et al. 2020, section 3.3.2. The networks of all folds of all policies of one shape are trained together as one
stacked model: a batch of small matrix products costs little more than one of them, and Adam works weight by weight, so
the networks do not touch each other.

Test products are decided on as published: each fold's network at its epoch of highest macro-F1 on the products it left
out, then a vote. For validation products that choice would flatter their scores, and a choice by the other folds is no
better: their networks trained on the very labels that are to be scored. So validation products get their probabilities
from the network that left them out, after its last epoch, which nothing chose.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from latefusion.config import NetworkPolicy
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.vote import majority_vote
from latefusion.metrics.f1 import class_counts, macro_f1_of_counts
from latefusion.utils.errors import InputError
from latefusion.utils.seeds import derive_seed
from latefusion.utils.weights import save_weights

CHUNK_BYTES = 24_000_000  # what the networks of a stack touch in a step: beyond the processor's caches stacking slows


class StackedPolicy(nn.Module):
    """Networks of one shape side by side; weights have a leading axis, one entry a seed."""

    def __init__(self, sizes: list[int], seeds: list[int]):
        super().__init__()
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            bound = 1 / math.sqrt(fan_in)  # as nn.Linear starts
            draw = [torch.empty(fan_in + 1, fan_out).uniform_(-bound, bound, generator=g) for g in generators]
            stacked = torch.stack(draw)  # (S, in + 1, out)
            self.weights.append(nn.Parameter(stacked[:, :-1].clone()))
            self.biases.append(nn.Parameter(stacked[:, -1:].clone()))

    def forward(self, x: torch.Tensor, networks: slice = slice(None)) -> torch.Tensor:
        """Map (S, B, in) to logits (S, B, C), by all networks or some."""
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                x = x.relu()
            x = torch.baddbmm(bias[networks], x, weight[networks])
        return x


@dataclass(frozen=True)
class FittedNetworks:
    """A policy's networks, each at its epoch of highest macro-F1 on the products it left out: for test products.

    `oof_probs` (N, C) are each validation product's, by the network that left it out after its last epoch.
    """

    inputs: FusionInputs
    weights: dict[str, torch.Tensor]  # of a StackedPolicy with a network a fold
    best_epochs: list[int]
    oof_probs: np.ndarray

    @property
    def facts(self) -> dict:
        return {"best_epochs": self.best_epochs}

    def save(self, run_dir: Path) -> None:
        """Write the weights, `model.safetensors`."""
        save_weights(self.weights, run_dir / "model.safetensors")

    @torch.inference_mode()
    def fold_probs(self, tables: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return (F, N, C) float32 for products by their experts' (N, C) probabilities."""
        net = StackedPolicy(network_sizes(self.inputs), [0] * self.inputs.policy.n_folds)
        net.load_state_dict(self.weights)
        features = np.stack([self.inputs.features(fold, tables) for fold in range(self.inputs.policy.n_folds)])
        return net(torch.from_numpy(features)).softmax(dim=-1).numpy()

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the (N,) class numbers that the networks vote for, and their mean probabilities (N, C)."""
        probs = self.fold_probs(tables)
        return majority_vote(probs.argmax(axis=2), probs.sum(axis=0)), probs.mean(axis=0)


def stacks(policies: dict[str, FusionInputs]) -> list[list[str]]:
    """Return the policies' names in the groups to train together: of one shape and one way of training."""
    groups: dict[tuple, list[str]] = {}
    for name, inputs in policies.items():
        policy = inputs.policy
        way = (policy.n_folds, policy.epochs, policy.lr, _batch_size(inputs))
        groups.setdefault((*network_sizes(inputs), *way), []).append(name)
    return [
        names[start : start + size]
        for names in groups.values()
        for size in [_stack_size(policies[names[0]])]
        for start in range(0, len(names), size)
    ]


def fit_networks(policies: list[FusionInputs]) -> list[FittedNetworks]:
    """Train the networks of policies of one stack: one network for each fold of each policy.

    Raises InputError where a network's probabilities are not finite: its learning rate is too high.
    """
    return _Trainer(policies).fit()


def network_sizes(inputs: FusionInputs) -> list[int]:
    """Return the widths of a policy's network, from its input to the classes."""
    policy, num_classes = inputs.policy, inputs.num_classes
    hidden = [policy.hidden_size] if policy.layers == 2 else []
    return [len(inputs.tables) * num_classes, *hidden, num_classes]


def _batch_size(inputs: FusionInputs) -> int:
    return min(inputs.policy.batch_size, len(inputs.targets))


def _stack_size(inputs: FusionInputs) -> int:
    """Return how many policies of this shape a stack holds."""
    sizes, batch = network_sizes(inputs), _batch_size(inputs)
    weights = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    touched = 4 * (4 * weights + batch * (sizes[0] + 3 * sum(sizes[1:])))  # bytes: Adam's weights; values, gradients
    return max(1, CHUNK_BYTES // (touched * inputs.policy.n_folds))


class _Trainer:
    """One stack being trained; network s is fold `s % F` of policy `s // F`."""

    def __init__(self, policies: list[FusionInputs]):
        self.policies = policies
        self.policy: NetworkPolicy = policies[0].policy  # for what they have in common
        self.n_folds = self.policy.n_folds
        self.networks = [(inputs, fold) for inputs in policies for fold in range(self.n_folds)]
        seeds = [derive_seed(inputs.policy.seed, "init", fold) for inputs, fold in self.networks]
        self.net = StackedPolicy(network_sizes(policies[0]), seeds)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=self.policy.lr)
        self.features, self.feature_of = self._features()
        self.train_rows = [inputs.rows(fold) for inputs, fold in self.networks]
        self.targets = torch.from_numpy(policies[0].targets.clip(min=0)).long()
        self.left_out = [np.flatnonzero(inputs.folds == fold) for inputs, fold in self.networks]
        self.best_scores = np.full(len(self.networks), -1.0)
        self.best_epochs = np.zeros(len(self.networks), dtype=int)
        self.best = {key: value.clone() for key, value in self.net.state_dict().items()}

    def _features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the (T, N, in) different inputs, and the (S, 1) number of each network's among them."""
        tables, numbers = [], []
        for inputs, fold in self.networks:
            if fold == 0 or inputs.policy.calibrate:  # only tempered experts differ from fold to fold
                tables.append(inputs.features(fold))
            numbers.append(len(tables) - 1)
        return torch.from_numpy(np.stack(tables)).to(torch.get_default_dtype()), torch.tensor(numbers)[:, None]

    def fit(self) -> list[FittedNetworks]:
        for epoch in tqdm(range(self.policy.epochs), f"{len(self.networks)} networks", unit="epoch", disable=None):
            self._train_epoch(epoch)
            oof_probs = [self._left_out_probs(number) for number in range(len(self.policies))]
            self._keep_best(epoch, oof_probs)
        return [self._result(number, oof_probs[number]) for number in range(len(self.policies))]

    def _train_epoch(self, epoch: int) -> None:
        for rows, shares in zip(*self._batches(epoch), strict=True):
            logits = self.net(self.features[self.feature_of, rows])
            losses = cross_entropy(logits.flatten(0, 1), self.targets[rows].flatten(), reduction="none")
            # A sum of each network's mean: a network's gradient is what it would be alone.
            loss = (losses.view_as(shares) * shares).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def _batches(self, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (n, S, B) row numbers, and their share in their own batch's mean.

        Every network has as many batches as the one with most products: a batch without any would still move its
        weights, by Adam's momentum. Batches of one step differ by a product or so; the shorter are padded.
        """
        n_batches = math.ceil(max(len(rows) for rows in self.train_rows) / self.policy.batch_size)
        longest = max(math.ceil(len(rows) / n_batches) for rows in self.train_rows)
        batches = np.zeros((n_batches, len(self.networks), longest), dtype=np.int64)
        shares = np.zeros(batches.shape, dtype=np.float32)
        for number, (inputs, fold) in enumerate(self.networks):
            rng = np.random.default_rng(derive_seed(inputs.policy.seed, "order", fold, epoch))
            for batch, rows in enumerate(np.array_split(rng.permutation(self.train_rows[number]), n_batches)):
                batches[batch, number, : len(rows)] = rows
                shares[batch, number, : len(rows)] = 1 / max(len(rows), 1)
        return torch.from_numpy(batches), torch.from_numpy(shares)

    @torch.no_grad()
    def _left_out_probs(self, number: int) -> np.ndarray:
        """Return (N, C): each product's probabilities by the network of a policy that left it out, as it is now."""
        inputs = self.policies[number]
        probs = np.empty((len(inputs.targets), inputs.num_classes), dtype=np.float32)
        for stacked in range(number * self.n_folds, (number + 1) * self.n_folds):
            rows = self.left_out[stacked]
            x = self.features[self.feature_of[stacked], torch.from_numpy(rows)]
            probs[rows] = self.net(x[None], slice(stacked, stacked + 1))[0].softmax(dim=-1).numpy()
        if not np.isfinite(probs).all():
            fused = ", ".join(inputs.policy.experts)
            raise InputError(
                f"a policy network of {fused} gives probabilities that are not finite: lower its lr {self.policy.lr}"
            )
        return probs

    def _keep_best(self, epoch: int, oof_probs: list[np.ndarray]) -> None:
        """Keep the weights of each network that is better than ever on the products it left out."""
        scores = [_fold_scores(*of_policy) for of_policy in zip(self.policies, oof_probs, strict=True)]
        scores = np.concatenate(scores)
        better = scores > self.best_scores
        self.best_scores[better] = scores[better]
        self.best_epochs[better] = epoch + 1
        for key, value in self.net.state_dict().items():
            self.best[key][torch.from_numpy(better)] = value[torch.from_numpy(better)]

    def _result(self, number: int, oof_probs: np.ndarray) -> FittedNetworks:
        own = slice(number * self.n_folds, (number + 1) * self.n_folds)
        weights = {key: value[own].clone() for key, value in self.best.items()}
        return FittedNetworks(self.policies[number], weights, self.best_epochs[own].tolist(), oof_probs)


def _fold_scores(inputs: FusionInputs, oof_probs: np.ndarray) -> np.ndarray:
    """Return (F,): the macro-F1 of each fold's network on the products it left out."""
    preds, n_folds = oof_probs.argmax(axis=1), inputs.policy.n_folds
    return macro_f1_of_counts(class_counts(inputs.targets, preds, inputs.num_classes, inputs.folds, n_folds))
