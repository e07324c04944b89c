"""What the charts of scores show, as plain values: class numbers, shares from 0 to 1 with four digits, short lists."""

import numpy as np
import pandas as pd

from latefusion.fusion.vote import member_decisions
from latefusion.metrics.decisions import first_labels, is_known, is_right
from latefusion.scores.confusion import confusion_counts, most_confused, neighbour_order, row_shares
from latefusion.scores.results import GROUPS, Results
from latefusion.scores.submitted import Submitted

DIGITS = 4
MOST_CLASSES = 60  # of a confusion matrix; more would be too small to hit with a finger
MOST_PAIRS = 15  # confused pairs, listed below it
MOST_MISSED = 40  # labels, of products with several


def score_rows(results: Results, scores: pd.DataFrame, submitted: Submitted | None) -> list[dict]:
    """Return one row per method, split and metric: its group in the paper's table, the score and its interval."""
    chosen = submitted and submitted.method.name
    return [
        {
            "method": row.method,
            "kind": row.kind,
            "group": GROUPS[row.kind],
            "split": row.split,
            "metric": row.metric,
            "value": share(row.value),
            "low": share(row.low),
            "high": share(row.high),
            "n": int(row.n),
            "submitted": row.method == chosen,
        }
        for row in scores.itertuples()
    ]


def gain_rows(comparisons: pd.DataFrame, submitted: Submitted | None) -> list[dict]:
    """Return one row per method and split: its gain over the best single expert, and the paired interval."""
    chosen = submitted and submitted.method.name
    rows = comparisons.assign(value=comparisons["gain"]).to_dict("records")
    keys = ("method", "kind", "split", "against", "metric")
    return [
        {key: row[key] for key in keys}
        | {key: round(float(row[key]), DIGITS) for key in ("value", "low", "high")}
        | {"group": GROUPS[row["kind"]], "p": float(f"{row['mcnemar_p']:.2g}"), "submitted": row["method"] == chosen}
        for row in rows
    ]


def class_rows(results: Results, classes: pd.DataFrame, methods: dict[str, str]) -> list[dict]:
    """Return one row per class with labelled or predicted products on `final_split`: its F1 by each of the methods.

    `methods`: their names by what they are (`text`, `image`, `submitted`). Columns: class (its number), n (labelled
    products), and a score for each.
    """
    own = classes[classes["split"] == results.final_split]
    by_method = {name: table.set_index("class") for name, table in own.groupby("method", sort=False)}
    if not methods:
        return []
    labelled = by_method[next(iter(methods.values()))]["labelled"]
    predicted = sum(by_method[name]["predicted"] for name in methods.values())
    return [
        {"class": number, "n": int(labelled[name])}
        | {what: share(by_method[method].loc[name, "f1"]) for what, method in methods.items()}
        for number, name in enumerate(results.dataset.classes)
        if labelled[name] or predicted[name]
    ]


def confusion(results: Results, preds: np.ndarray) -> dict:
    """Return the confusion matrix of decisions on `final_split`: the cells that are not empty, and confused pairs.

    Of more than `MOST_CLASSES` classes, those with the most errors. Classes that are confused with each other are side
    by side. Keys: classes (numbers, in this order), n_classes (of all), cells and pairs (label, decided, n, share of
    the products with the label).
    """
    classes = results.dataset.classes
    counts = confusion_counts(results.targets[results.final_split], preds, len(classes))
    totals = counts.sum(axis=1)
    used = np.flatnonzero(totals + counts.sum(axis=0))
    shown = np.intersect1d(most_confused(counts, MOST_CLASSES), used) if len(used) > MOST_CLASSES else used
    shown = shown[neighbour_order(row_shares(counts[np.ix_(shown, shown)]))]

    def cell(label: int, decided: int) -> list:
        n = int(counts[label, decided])
        return [int(label), int(decided), n, share(n / totals[label])]

    cells = [cell(label, decided) for label in shown for decided in shown if counts[label, decided]]
    wrong = counts - np.diag(np.diag(counts))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [cell(*np.unravel_index(index, counts.shape)) for index in worst if wrong.flat[index]]
    return {"classes": shown.tolist(), "n_classes": len(classes), "cells": cells, "pairs": pairs}


def missed_labels(targets: np.ndarray, preds: np.ndarray) -> list[dict]:
    """Return the labels that are missed most, of products with several (N, C): missed, added and labelled products."""
    known = is_known(targets)
    labelled, decided = targets[known] > 0, preds[known] > 0
    missed, added = (labelled & ~decided).sum(axis=0), (~labelled & decided).sum(axis=0)
    worst = np.argsort(-missed, kind="stable")[:MOST_MISSED]
    n = labelled.sum(axis=0)
    return [
        {"class": int(label), "missed": int(missed[label]), "added": int(added[label]), "n": int(n[label])}
        for label in worst
        if missed[label]
    ]


def pair_rows(results: Results, pairs: pd.DataFrame) -> list[dict]:
    """Return who is right on `final_split`, for each text and image expert that a policy fuses, or for all."""
    own = pairs[pairs["split"] == results.final_split]
    fused = {frozenset(policy.experts) for policy in results.experiment.policies.values()}
    is_fused = [any({row.text, row.image} <= experts for experts in fused) for row in own.itertuples()]
    own = own[is_fused] if any(is_fused) else own
    keys = ("both", "only_text", "only_image", "neither", "oracle_accuracy")
    return [
        {"text": row.text, "image": row.image} | {key: share(getattr(row, key)) for key in keys}
        for row in own.itertuples()
    ]


def disagreement(results: Results, methods: dict[str, str]) -> list[dict]:
    """Return what the submitted method makes of the products on which the best text and image experts disagree.

    One row for those where only the text expert is right, only the image expert, and neither: n products, and the
    share of them that the submitted method decides rightly. No rows if one of the three is missing, or if the submitted
    method is one of the two.
    """
    if set(methods) != {"text", "image", "submitted"} or len(set(methods.values())) < len(methods):
        return []
    split = results.final_split
    known, targets = results.known(split), results.targets[split][results.known(split)]
    preds = {what: results.preds(results.method(name), split)[known] for what, name in methods.items()}
    right = {what: is_right(targets, decided) for what, decided in preds.items()}
    differ = first_labels(preds["text"]) != first_labels(preds["image"])
    cases = {
        "only text is right": right["text"] & ~right["image"],
        "only image is right": right["image"] & ~right["text"],
        "neither is right": ~right["text"] & ~right["image"],
        "both are right": right["text"] & right["image"],  # of several labels, with different ones
    }
    rows = [(name, differ & case) for name, case in cases.items()]
    return [
        {"case": name, "n": int(those.sum()), "right": share(right["submitted"][those].mean())}
        for name, those in rows
        if those.any()
    ]


def agreement(results: Results) -> dict | None:
    """Return how often each two members of the vote decide alike on `final_split`; None without a vote."""
    if "vote" not in results.done:
        return None
    members = list(results.experiment.vote_members)
    preds, _ = member_decisions(results.experiment, results.dataset, tuple(members), results.final_split)
    first = np.stack([first_labels(decided) for decided in preds])  # (M, N)
    shares = [[share((one == other).mean()) for other in first] for one in first]
    return {"members": members, "shares": shares}


def share(value: float) -> float:
    """Return a share with four digits; from 0 to 1, whatever rounding and the shift of an interval did."""
    return round(float(min(max(value, 0.0), 1.0)), DIGITS)


def percent(value: float) -> str:
    return f"{100 * value:.1f}"
