"""Analysis of the methods: agreement of text and image experts, calibration, and each member's gain for the vote."""

import numpy as np
import pandas as pd

from latefusion.fusion.vote import majority_vote, member_decisions
from latefusion.metrics.calibration import (
    assigned_calibration_error,
    expected_calibration_error,
    fold_temperatures,
    temper,
    temper_by_fold,
)
from latefusion.metrics.decisions import differ, is_right
from latefusion.metrics.f1 import score
from latefusion.scores.results import Results
from latefusion.scores.submitted import KEY, Submitted
from latefusion.tables.probabilities import read_split_probs


def expert_pairs(results: Results) -> pd.DataFrame:
    """Return the shares of products on which both, one or neither of two experts is right, and the oracle's accuracy.

    One row for each pair of a text and an image expert, and each split. The oracle picks the right expert if one of the
    two is right: an upper bound for every policy that picks one of the two decisions.
    """
    rows = []
    for split in results.splits:
        known = results.known(split)
        targets = results.targets[split]
        right = {expert: is_right(targets, results.preds(expert, split))[known] for expert in results.experts}
        for text in (expert for expert in results.experts if expert.kind == "text"):
            for image in (expert for expert in results.experts if expert.kind == "image"):
                a, b = right[text], right[image]
                shares = [(a & b).mean(), (a & ~b).mean(), (~a & b).mean(), (~a & ~b).mean()]
                rows.append((text.name, image.name, split, *shares, (a | b).mean(), int(known.sum())))
    columns = ["text", "image", "split", "both", "only_text", "only_image", "neither", "oracle_accuracy", "n"]
    return pd.DataFrame(rows, columns=columns)


def calibration_table(results: Results, submitted: Submitted | None) -> pd.DataFrame:
    """Return each expert's expected calibration error before and after temperature scaling, and the temperature.

    The temperature for a product of `fusion_split` is learnt on the other folds, that for test products on all of it.
    The column `temperature` has the latter. The submitted method has a row of kind `submission`, "submitted: <method>",
    with the error of its decisions before and after its calibration. Of several labels, `ece` is the error of the
    first; the columns `labels_ece` and `labels_ece_tempered` are those of all assigned labels.
    """
    learnt, folds = results.dataset.fusion_split, results.dataset.selection_folds()
    rows = []
    for expert in results.experts:
        own = results.probs(expert, learnt)
        *by_fold, on_all = fold_temperatures(own, results.targets[learnt], folds, folds.max() + 1).tolist()
        for split in results.splits:
            probs = own if split == learnt else results.probs(expert, split)
            if split == learnt:
                tempered = temper_by_fold(probs, folds, by_fold, several=results.dataset.several)
            else:
                tempered = temper(probs, on_all, several=results.dataset.several)
            errors = _calibration_errors(results, split, (probs, tempered), results.preds(expert, split))
            rows.append({"expert": expert.name, "kind": expert.kind, "split": split, **errors, "temperature": on_all})
    if submitted is not None:
        rows += [_submitted_row(submitted, split) for split in results.splits]
    several = ["labels_ece", "labels_ece_tempered"] if results.dataset.several else []
    return pd.DataFrame(rows, columns=["expert", "kind", "split", "ece", "ece_tempered", "temperature", *several])


def _calibration_errors(
    results: Results, split: str, tables: tuple[np.ndarray, np.ndarray], preds: np.ndarray
) -> dict[str, float]:
    """Return the errors of (N, C) probabilities before and after calibration, as named columns."""
    known, columns = results.known(split), ("ece", "ece_tempered")
    targets, preds = results.targets[split][known], preds[known]
    errors = {
        name: expected_calibration_error(targets, table[known], preds)
        for name, table in zip(columns, tables, strict=True)
    }
    if not results.dataset.several:
        return errors
    return errors | {
        f"labels_{name}": assigned_calibration_error(targets, table[known], preds)
        for name, table in zip(columns, tables, strict=True)
    }


def _submitted_row(submitted: Submitted, split: str) -> dict:
    results = submitted.results
    tables = (results.probs(submitted.method, split), submitted.probs(split))
    errors = _calibration_errors(results, split, tables, submitted.preds(split))
    row = {"expert": f"submitted: {submitted.method.name}", "kind": KEY, "split": split}
    return {**row, **errors, "temperature": submitted.calibration.temperature}


def vote_members(results: Results) -> pd.DataFrame:
    """Return for each member of the vote: its score, its disagreement, and the score of the vote without it."""
    experiment, dataset, metric = results.experiment, results.dataset, results.experiment.chosen_by
    members = experiment.vote_members
    rows = []
    for split in results.splits if "vote" in results.done else []:
        preds, summed = member_decisions(experiment, dataset, members, split)
        known, targets = results.known(split), results.targets[split][results.known(split)]
        decided = majority_vote(preds, summed)
        vote_score = score(metric, targets, decided[known])
        disagree = disagreement(preds).sum(axis=1) / max(len(members) - 1, 1)
        for number, name in enumerate(members):
            without = vote_score
            if len(members) > 1:
                own = read_split_probs(experiment.policy_dir(name), split, dataset)
                without = score(metric, targets, majority_vote(np.delete(preds, number, axis=0), summed - own)[known])
            own_score, differs = score(metric, targets, preds[number][known]), differ(preds[number], decided).mean()
            rows.append((name, split, metric, own_score, differs, disagree[number], without, vote_score - without))
    columns = [
        "member",
        "split",
        "metric",
        "score",
        "differs_from_vote",
        "differs_from_members",
        "vote_without",
        "adds",
    ]
    return pd.DataFrame(rows, columns=columns)


def disagreement(preds: np.ndarray) -> np.ndarray:
    """Return (M, M): the share of products that two members decide differently, from their (M, ...) decisions."""
    return np.array([[differ(one, other).mean() for other in preds] for one in preds])
