"""Policies that choose: how often they are right to choose, and what score each share of images gives.

A policy of kind `select` chooses which of two experts decides; one of kind `on_demand` decides for which products dear
experts are run. Both leave a score for each product (`fusion.asked`).
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from latefusion.config import OnDemandPolicy, SelectPolicy
from latefusion.fusion.asked import Asked, read_asked
from latefusion.metrics.decisions import is_right
from latefusion.metrics.f1 import score
from latefusion.scores.intervals import bootstrap, interval
from latefusion.scores.results import Method, Results
from latefusion.tables.label_thresholds import decide_splits

SHARES = np.arange(21) / 20
ASKED_COLUMNS = ["policy", "kind", "first", "second", "split", "asked", "policy_accuracy", "oracle_accuracy", "n"]
COST_COLUMNS = [
    "policy",
    "split",
    "share",
    "asked",
    "metric",
    "value",
    "low",
    "high",
    "lacks",
    "lacks_low",
    "lacks_high",
]


def asked_table(results: Results) -> pd.DataFrame:
    """Return for each policy that chooses, and each split, how often it asks for the second method, and if rightly.

    Columns: policy, kind, first, second, split, asked (the share of products for which the second is chosen or asked
    for), policy_accuracy (the share for which that is right: the second is asked if and only if it alone is right,
    Zahavy et al. 2016), oracle_accuracy (the share on which at least one of the two is right), n.
    """
    rows = []
    for policy, kind, first, second in _choosing(results):
        for split in results.splits:
            known, targets = results.known(split), results.targets[split]
            asked = _read(results, policy, split).asked[known]
            right, second_right = (is_right(targets, results.preds(one, split))[known] for one in (first, second))
            shares = asked.mean(), (asked == (second_right & ~right)).mean(), (right | second_right).mean()
            rows.append((policy.name, kind, first.name, second.name, split, *shares, int(known.sum())))
    return pd.DataFrame(rows, columns=ASKED_COLUMNS)


def cost_table(results: Results) -> pd.DataFrame:
    """Return the score of each policy of kind `on_demand` at 0, 5, ..., 100 % of the images.

    Columns: policy, split, share (that is asked for), asked (the share that the split had), metric, value, low, high;
    lacks, lacks_low, lacks_high: how much the score lacks to that at 100 %, and the 95 % interval, paired. At 0 and
    100 % the decisions are those of the methods that the policy names.
    """
    rows, metric = [], results.metrics[0]
    for policy, kind, first, second in _choosing(results):
        for split in results.splits if kind == "on_demand" else ():
            known = results.known(split)
            targets, ask = results.targets[split][known], _read(results, policy, split).ask[known]
            decisions = partial(_decisions, results, policy, first, second, split)
            values = np.array([score(metric, targets, preds[known]) for preds in decisions()])
            draws = bootstrap(targets, (preds[known] for preds in decisions()), len(results.dataset.classes))[metric]
            for number, share in enumerate(SHARES):
                lacks = values[-1] - values[number]
                own, difference = interval(values[number], draws[number]), interval(lacks, draws[-1] - draws[number])
                asked = _is_asked(ask, share).mean()
                rows.append((policy.name, split, share, asked, metric, values[number], *own, lacks, *difference))
    return pd.DataFrame(rows, columns=COST_COLUMNS)


def _choosing(results: Results) -> Iterator[tuple[Method, str, Method, Method]]:
    """Yield the finished policies that choose: with their kind, and the two methods of which they choose one."""
    done = {method.name: method for method in results.methods}
    for name, policy in results.experiment.policies.items():
        if name not in done:
            continue
        if isinstance(policy, SelectPolicy):
            first, second = policy.experts
            yield done[name], policy.kind, done[first], done[second]
        if isinstance(policy, OnDemandPolicy):
            yield done[name], policy.kind, done[policy.first], done[policy.then]


def _read(results: Results, policy: Method, split: str) -> Asked:
    return read_asked(results.experiment.policy_dir(policy.name), split, results.dataset)


def _is_asked(ask: np.ndarray, share: float) -> np.ndarray:
    return ask > 1 - share  # as `fusion.on_demand` asks


def _decisions(results: Results, policy: Method, first: Method, second: Method, split: str) -> Iterator[np.ndarray]:
    """Yield the decisions on a split at each of `SHARES`."""
    if results.experiment.label_thresholds == "half":
        one, other = results.preds(first, split), results.preds(second, split)
        ask = _read(results, policy, split).ask
        for share in SHARES:
            yield _mixed(_is_asked(ask, share), one, other)
        return
    splits = dict.fromkeys((results.dataset.fusion_split, split))  # thresholds are tuned on the first
    parts = [
        (name, _read(results, policy, name).ask, *(results.probs(one, name) for one in (first, second)))
        for name in splits
    ]
    for share in SHARES:
        probs = {name: _mixed(_is_asked(ask, share), one, other) for name, ask, one, other in parts}
        yield decide_splits(results.experiment, results.dataset, probs)[split]


def _mixed(asked: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.where(asked if first.ndim == 1 else asked[:, None], second, first)
