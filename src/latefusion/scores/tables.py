"""The score table, the comparison with the best single expert, and the scores of each class."""

import numpy as np
import pandas as pd

from latefusion.metrics.f1 import METRICS, count, macro_f1
from latefusion.scores.intervals import bootstrap, interval, mcnemar
from latefusion.scores.results import Method, Results

COMPARISON_COLUMNS = [
    "method",
    "kind",
    "split",
    "against",  # the best single expert
    "macro_f1_gain",
    "low",
    "high",
    "only_it",  # products on which only the method is right
    "only_expert",  # products on which only the best single expert is right
    "mcnemar_p",
]


def score_table(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables: scores, by method, split and metric; comparisons with the best expert, by method and split."""
    scores, by_split = [], []
    for split in results.splits:
        known = results.known(split)
        targets = results.targets[split][known]
        preds = np.stack([results.preds(method, split)[known] for method in results.methods])
        draws = bootstrap(targets, preds, len(results.dataset.classes))
        for number, method in enumerate(results.methods):
            for metric, function in METRICS.items():
                value = function(targets, preds[number])
                low, high = interval(value, draws[metric][number])
                scores.append((method.name, method.kind, split, metric, value, low, high, len(targets)))
        by_split.append((split, targets, preds, draws))
    columns = ["method", "kind", "split", "metric", "value", "low", "high", "n"]
    table = pd.DataFrame(scores, columns=columns)
    best = best_expert(table)
    rows = [row for data in by_split for row in _compare(results.methods, best, *data)]
    return table, pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def best_expert(scores: pd.DataFrame) -> str | None:
    """Return the text or image expert of highest macro-F1 on `valid` or `oof`; the test has no influence."""
    return _best(scores, ["image", "text"])


def best_text_expert(scores: pd.DataFrame) -> str | None:
    """Return the text expert of highest macro-F1 on `valid` or `oof`."""
    return _best(scores, ["text"])


def best_policy(scores: pd.DataFrame) -> str | None:
    """Return the policy, of any kind, of highest macro-F1 on `valid` or `oof`; on ties the first."""
    return _best(scores, ["policy", "rule"])


def _best(scores: pd.DataFrame, kinds: list[str]) -> str | None:
    own = scores[(scores["split"] != "test") & (scores["metric"] == "macro_f1") & scores["kind"].isin(kinds)]
    return None if own.empty else own.loc[own["value"].idxmax(), "method"]


def paired_gain(results: Results, name: str, other: str, metric: str) -> tuple[float, float, float]:
    """Return the gain of one method over another on `final_split`, and its 95 % interval, paired."""
    split = results.final_split
    known = results.known(split)
    targets = results.targets[split][known]
    preds = np.stack([results.preds(results.method(method), split)[known] for method in (name, other)])
    own, others = bootstrap(targets, preds, len(results.dataset.classes))[metric]
    gain = METRICS[metric](targets, preds[0]) - METRICS[metric](targets, preds[1])
    return gain, *interval(gain, own - others)


def _compare(methods: list[Method], best: str | None, split: str, targets, preds, draws) -> list[tuple]:
    """Return one row per method: its comparison with the expert `best` on one split."""
    names = [method.name for method in methods]
    if best is None:
        return []
    other = names.index(best)
    best_score, rows = macro_f1(targets, preds[other]), []
    for number, method in enumerate(methods):
        if method.name == best:
            continue
        gain = macro_f1(targets, preds[number]) - best_score
        low, high = interval(gain, draws["macro_f1"][number] - draws["macro_f1"][other])
        counts = mcnemar(targets, preds[number], preds[other])
        rows.append((method.name, method.kind, split, best, gain, low, high, *counts))
    return rows


def class_table(results: Results) -> pd.DataFrame:
    """Return precision, recall, F1 and counts of each class, for each method and split."""
    frames = []
    for method, split, preds in results.all_preds():
        counts = count(results.targets[split], preds, len(results.dataset.classes))
        right, predicted, labelled = counts.correct[0], counts.predicted[0], counts.labelled[0]
        frames.append(
            pd.DataFrame(
                {
                    "method": method.name,
                    "split": split,
                    "class": results.dataset.classes,
                    "precision": right / np.maximum(predicted, 1),
                    "recall": right / np.maximum(labelled, 1),
                    "f1": counts.f1()[0],
                    "predicted": predicted,
                    "labelled": labelled,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
