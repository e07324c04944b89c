"""Policies that choose: how often rightly, and the score of each share of images.

A policy of kind `select` chooses which of two experts decides; one of kind `on_demand` decides for which products dear
experts are run. Both leave a score for each product (`fusion.asked`).
"""

from collections.abc import Iterator

import pandas as pd

from latefusion.config import ChoosingPolicy, OnDemandPolicy
from latefusion.fusion.asked import Asked, read_asked
from latefusion.metrics.decisions import is_right
from latefusion.scores.cost import cost_curve
from latefusion.scores.results import Method, Results

ASKED_COLUMNS = ["policy", "kind", "first", "second", "split", "asked", "policy_accuracy", "oracle_accuracy", "n"]
COST_COLUMNS = ["policy", "split", "metric", "share", "asked", "score", "score_low", "score_high"]
COST_COLUMNS += ["difference", "low", "high"]  # from the score at a share of one


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
    """Return the `cost_curve` of each policy of kind `on_demand`, on each split, by the metric that chooses methods.

    A share of 0 is what its `first` decides, and a share of 1 what its `then` decides.
    """
    curves = [pd.DataFrame(columns=COST_COLUMNS)]
    for policy, kind, first, second in _choosing(results):
        for split in results.splits if kind == "on_demand" else ():
            targets, ask = results.targets[split], _read(results, policy, split).ask
            one, other = (results.preds(method, split) for method in (first, second))
            metric, num_classes = results.metrics[0], len(results.dataset.classes)
            curve = cost_curve(targets, one, other, ask, metric=metric, num_classes=num_classes)
            curves.append(curve.assign(policy=policy.name, split=split, metric=metric)[COST_COLUMNS])
    return pd.concat(curves[1:] or curves, ignore_index=True)


def _choosing(results: Results) -> Iterator[tuple[Method, str, Method, Method]]:
    """Yield the finished policies that choose: with their kind, and the two methods of which they choose one."""
    done = {method.name: method for method in results.methods}
    for name, policy in results.experiment.policies.items():
        if name not in done:
            continue
        if isinstance(policy, ChoosingPolicy):
            first, second = policy.experts
            yield done[name], policy.kind, done[first], done[second]
        if isinstance(policy, OnDemandPolicy):
            yield done[name], policy.kind, done[policy.first], done[policy.then]


def _read(results: Results, policy: Method, split: str) -> Asked:
    return read_asked(results.experiment.policy_dir(policy.name), split, results.dataset)
