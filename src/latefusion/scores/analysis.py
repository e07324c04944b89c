"""Analysis of the methods: agreement of text and image experts, calibration, and each member's gain for the vote."""

import numpy as np
import pandas as pd

from latefusion.fusion.vote import majority_vote, member_decisions
from latefusion.metrics.calibration import expected_calibration_error, fold_temperatures, temper, temper_by_fold
from latefusion.metrics.f1 import macro_f1
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
        right = {
            expert: results.preds(expert, split)[known] == results.targets[split][known] for expert in results.experts
        }
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
    with the error of its decisions before and after its calibration.
    """
    learnt, folds = results.dataset.fusion_split, results.dataset.selection_folds()
    rows = []
    for expert in results.experts:
        own = results.probs(expert, learnt)
        *by_fold, on_all = fold_temperatures(own, results.targets[learnt], folds, folds.max() + 1).tolist()
        for split in results.splits:
            probs = own if split == learnt else results.probs(expert, split)
            tempered = temper_by_fold(probs, folds, by_fold) if split == learnt else temper(probs, on_all)
            known, targets = results.known(split), results.targets[split]
            errors = [expected_calibration_error(targets[known], table[known]) for table in (probs, tempered)]
            rows.append((expert.name, expert.kind, split, *errors, on_all))
    if submitted is not None:
        rows += [_submitted_row(submitted, split) for split in results.splits]
    return pd.DataFrame(rows, columns=["expert", "kind", "split", "ece", "ece_tempered", "temperature"])


def _submitted_row(submitted: Submitted, split: str) -> tuple:
    results, preds = submitted.results, submitted.preds(split)
    known, targets = results.known(split), results.targets[split]
    tables = (results.probs(submitted.method, split), submitted.probs(split))
    errors = [expected_calibration_error(targets[known], table[known], preds[known]) for table in tables]
    return (f"submitted: {submitted.method.name}", KEY, split, *errors, submitted.temperature)


def vote_members(results: Results) -> pd.DataFrame:
    """Return for each member of the vote: its score, its disagreement, and the score of the vote without it."""
    experiment, dataset = results.experiment, results.dataset
    members = experiment.vote_members
    rows = []
    for split in results.splits if "vote" in results.done else []:
        preds, summed = member_decisions(experiment, dataset, members, split)
        known, targets = results.known(split), results.targets[split][results.known(split)]
        decided = majority_vote(preds, summed)
        vote_score = macro_f1(targets, decided[known])
        disagree = (preds[:, None] != preds[None]).mean(axis=2).sum(axis=1) / max(len(members) - 1, 1)
        for number, name in enumerate(members):
            without = vote_score
            if len(members) > 1:
                own = read_split_probs(experiment.policy_dir(name), split, dataset)
                without = macro_f1(targets, majority_vote(np.delete(preds, number, axis=0), summed - own)[known])
            score, differs = macro_f1(targets, preds[number][known]), (preds[number] != decided).mean()
            rows.append((name, split, score, differs, disagree[number], without, vote_score - without))
    columns = ["member", "split", "macro_f1", "differs_from_vote", "differs_from_members", "vote_without", "adds"]
    return pd.DataFrame(rows, columns=columns)
