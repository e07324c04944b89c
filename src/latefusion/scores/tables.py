"""The score table, the comparison with the best single expert, the scores of each class, the most missed classes."""

import numpy as np
import pandas as pd

from latefusion.metrics.f1 import count, score
from latefusion.scores.intervals import bootstrap, difference_interval, interval, mcnemar
from latefusion.scores.results import Results

COMPARISON_COLUMNS = [
    "method",
    "kind",
    "split",
    "against",  # the best single expert
    "metric",  # by which methods are chosen
    "gain",
    "low",
    "high",
    "only_it",  # products on which only the method is right
    "only_expert",  # products on which only the best single expert is right
    "mcnemar_p",
]


MISSED = 15  # classes of the table of those that are missed most


def score_table(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables: scores, by method, split and metric; comparisons with the best expert, by method and split."""
    scores, by_split = [], []
    for split in results.splits:
        known = results.known(split)
        targets = results.targets[split][known]
        preds = [results.preds(method, split)[known] for method in results.methods]
        draws = bootstrap(targets, preds, len(results.dataset.classes))
        for number, method in enumerate(results.methods):
            counts = count(targets, preds[number], len(results.dataset.classes))
            for metric in results.metrics:
                value = float(counts.score(metric)[0])
                low, high = interval(value, draws[metric][number])
                scores.append((method.name, method.kind, split, metric, value, low, high, len(targets)))
        by_split.append((split, targets, preds, draws[results.metrics[0]]))
    columns = ["method", "kind", "split", "metric", "value", "low", "high", "n"]
    table = pd.DataFrame(scores, columns=columns)
    best = best_expert(table)
    rows = [row for data in by_split for row in _compare(results, table, best, *data)]
    return table, pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def chosen_metric(scores: pd.DataFrame) -> str:
    """Return the metric that methods are chosen by: the first of the score table."""
    return scores["metric"].iloc[0]


def best_expert(scores: pd.DataFrame) -> str | None:
    """Return the text or image expert of highest score on `valid` or `oof`; the test has no influence."""
    return _best(scores, ["image", "text"])


def best_text_expert(scores: pd.DataFrame) -> str | None:
    """Return the text expert of highest score on `valid` or `oof`."""
    return _best(scores, ["text"])


def best_policy(scores: pd.DataFrame) -> str | None:
    """Return the policy, of any kind, of highest score on `valid` or `oof`; on ties the first."""
    return _best(scores, ["policy", "rule"])


def _best(scores: pd.DataFrame, kinds: list[str]) -> str | None:
    own = scores[(scores["split"] != "test") & (scores["metric"] == chosen_metric(scores)) & scores["kind"].isin(kinds)]
    return None if own.empty else own.loc[own["value"].idxmax(), "method"]


def paired_gain(results: Results, name: str, other: str, metric: str) -> tuple[float, float, float]:
    """Return the gain of one method over another on `final_split`, and its 95 % interval, paired."""
    split = results.final_split
    known = results.known(split)
    targets = results.targets[split][known]
    preds = [results.preds(results.method(method), split)[known] for method in (name, other)]
    own, others = bootstrap(targets, preds, len(results.dataset.classes))[metric]
    gain = score(metric, targets, preds[0]) - score(metric, targets, preds[1])
    return gain, *difference_interval(gain, own - others)


def _compare(
    results: Results, scores: pd.DataFrame, best: str | None, split: str, targets: np.ndarray, preds: list, draws
) -> list[tuple]:
    """Return one row per method: its comparison with the expert `best` on one split, by (M, DRAWS) of the metric."""
    names = [method.name for method in results.methods]
    if best is None:
        return []
    other, metric, rows = names.index(best), chosen_metric(scores), []
    own = scores[(scores["split"] == split) & (scores["metric"] == metric)]
    values = own.set_index("method")["value"]
    for number, method in enumerate(results.methods):
        if method.name == best:
            continue
        gain = values[method.name] - values[best]
        low, high = difference_interval(gain, draws[number] - draws[other])
        counts = mcnemar(targets, preds[number], preds[other])
        rows.append((method.name, method.kind, split, best, metric, gain, low, high, *counts))
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


def misclassified_table(classes: pd.DataFrame) -> pd.DataFrame:
    """Return for each method and split the 15 classes that are missed most, from the table of classes.

    Columns: method, split, rank, class, share (of the products with the label that it is not assigned to), missed
    (their number), labelled (the number with the label). Of equal shares the class with more products comes first.
    """
    missed = (classes["labelled"] * (1 - classes["recall"])).round().astype(int)
    own = classes.assign(missed=missed, share=missed / classes["labelled"].clip(lower=1))
    own["method_at"] = own.groupby(["method", "split"], sort=False).ngroup()
    own = own[missed > 0].sort_values(["share", "missed"], ascending=False, kind="stable")
    own["rank"] = own.groupby("method_at").cumcount() + 1
    own = own[own["rank"] <= MISSED].sort_values(["method_at", "rank"], ignore_index=True)
    return own[["method", "split", "rank", "class", "share", "missed", "labelled"]]
