"""The job `submission`: the method to submit, its decisions, and calibrated probabilities of them.

Reads the decisions and probabilities of all methods (with `submit: vote`, of the vote). Writes to
`weights/<experiment>/submission/`:
- `<split>_preds.parquet`, `<split>_probs.parquet`: label, confidence and probabilities, as other methods have. On
  `fusion_split` they are calibrated without the labels of the product's own fold, on test with all labels;
- `metrics.json`: the method, why it was chosen, its scores on `fusion_split`, the parameters of the calibration, and
  confidence thresholds; if thresholds of several labels are learnt, those by which new products get them.
"""

import logging
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.config import Experiment
from latefusion.fusion.vote import combine
from latefusion.metrics.calibration import expected_calibration_error
from latefusion.metrics.confidence import AnyCalibration, favour, fit_calibrations, restore_calibration
from latefusion.metrics.decisions import first_labels, is_known, is_right
from latefusion.metrics.f1 import split_scores
from latefusion.metrics.thresholds import accepted_shares, learn_thresholds
from latefusion.plan.jobs import Job
from latefusion.plan.records import verified
from latefusion.scores.choice import best_method, choose_method, rank_methods
from latefusion.scores.results import SOFT_VOTE, Method, Results
from latefusion.tables.artifacts import read_json_object
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_thresholds import thresholds_by_class
from latefusion.tables.predictions import read_predictions, write_predictions
from latefusion.tables.probabilities import read_probs, read_split_probs
from latefusion.utils.files import write_json

logger = logging.getLogger(__name__)
KEY = "submission"


def submit(experiment: Experiment, dataset: Dataset, job: Job) -> None:
    """Choose the method to submit, calibrate its probabilities, and write the job's run folder."""
    results, learnt = Results(experiment, dataset), dataset.fusion_split
    method, choice = _choose(results) if experiment.submit == "best" else (results.method("vote"), {})
    calibrated, fitted = _calibrate(results, method)
    preds = {split: results.preds(method, split) for split in calibrated}
    for split, probs in calibrated.items():
        ids = dataset.evaluation_splits[split].index
        write_predictions(job.run_dir, split, ids, preds[split], probs, dataset.classes)
    targets, known = results.targets[learnt], results.known(learnt)
    error = expected_calibration_error(targets[known], calibrated[learnt][known], preds[learnt][known])
    scores = split_scores(learnt, targets, preds[learnt]) | {f"{learnt}_ece": error}
    what = {"submit": experiment.submit, "method": method.name, "folder": method.folder}
    thresholds = _label_thresholds(results, method)
    write_json(job.run_dir / "metrics.json", what | scores | fitted | thresholds | choice)
    logger.info("submission: %s, %s_ece %.4f", method.name, learnt, error)


def _calibrate(results: Results, method: Method) -> tuple[dict[str, np.ndarray], dict]:
    """Return a method's calibrated (N, C) probabilities by split, and the parameters of the calibration of test."""
    dataset, learnt = results.dataset, results.dataset.fusion_split
    targets, folds = results.targets[learnt], dataset.selection_folds()
    probs = {
        split: favour(results.probs(method, split), results.preds(method, split)) for split in dataset.evaluation_splits
    }
    own = (probs[learnt], results.preds(method, learnt))
    fitted = fit_calibrations(*own, targets, folds)
    as_on_test = _as_on_test(results, method)
    final = fit_calibrations(*as_on_test, targets, folds).final if as_on_test else fitted.final
    calibrated = {learnt: fitted.apply_out_of_fold(probs[learnt], folds), "test": final.apply(probs["test"])}
    automation = _automation(*_confidence(*(as_on_test or own), final, targets))
    return calibrated, {"calibration": asdict(final), "automation": automation}


def _label_thresholds(results: Results, method: Method) -> dict[str, dict[str, float]]:
    """Return the learnt thresholds, by class, by which an expert or the soft vote assigns several labels.

    To new products. Policies, also those that vote, have their own.
    """
    if method not in results.experts and method.name != SOFT_VOTE:
        return {}
    thresholds = thresholds_by_class(results.dataset, results.label_thresholds(method))
    return {} if thresholds is None else {"label_thresholds": thresholds}


def _confidence(
    probs: np.ndarray, preds: np.ndarray, calibration: AnyCalibration, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the (M,) confidences of the decisions whose label is known, and whether they are right.

    Of several labels, those of the first.
    """
    rows = np.flatnonzero(is_known(targets))
    confidence = calibration.apply(probs[rows])[np.arange(len(rows)), first_labels(preds[rows])]
    return confidence, is_right(targets[rows], preds[rows])


def _automation(confidence: np.ndarray, right: np.ndarray) -> list[dict]:
    """Return confidence thresholds and what they give, as a list of mappings; None where there is no threshold."""
    rows = []
    for target, threshold in learn_thresholds(confidence, right).items():
        accepted, share, share_right, n = accepted_shares(confidence, right, threshold)
        found = {"threshold": threshold, "right": share_right} if accepted else {"threshold": None, "right": None}
        rows.append({"target": target, **found, "accepted": accepted, "share": share, "n": n})
    return rows


def _choose(results: Results) -> tuple[Method, dict]:
    """Return the method that `submit: best` submits, and the facts of the choice."""
    ranking = rank_methods(results)
    chosen = ranking.set_index("method", drop=False).loc[choose_method(ranking)]
    best = best_method(ranking)
    logger.info(
        "submission: %s, %s %.4f on %s; the best is %s, %.4f; difference %.4f, standard error %.4f; %d of %d methods "
        "are not clearly worse than the best", chosen["method"], chosen["metric"], chosen["score"],
        results.dataset.fusion_split, best["method"], best["score"], chosen["difference"], chosen["standard_error"],
        (~ranking["clearly_worse"]).sum(), len(ranking),
    )  # fmt: skip
    keys = ["metric", "score", "difference", "standard_error"]
    facts = chosen[keys].to_dict() | {"best": best["method"], "candidates": ranking.to_dict("records")}
    return results.method(chosen["method"]), facts


def _as_on_test(results: Results, method: Method) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a method's (N, C) probabilities and decisions on `fusion_split`, as confident as those on test.

    Where a policy wrote `selected_probs` (see `fusion.networks`), they take the place of its probabilities, also in a
    vote. Labels had an influence on the epochs of these, so they serve the calibration of test products only. None if
    no policy of the method has any. Its own probabilities are then as confident on both splits, or nearly: in
    cross-fitting, those of test are of a mean of networks, or of an expert trained on more products, and so they are a
    little more often right than their confidence says.
    """
    learnt = results.dataset.fusion_split
    members = results.members(method) if method.kind == "vote" else (method.name,)
    if not any(_selected_probs(results, name).is_file() for name in members):
        return None
    summed, decisions = np.zeros((len(results.targets[learnt]), len(results.dataset.classes))), []
    for name in members:
        probs, preds = _member_as_on_test(results, name)
        summed += probs
        decisions.append(preds)
    preds, mean = combine(np.stack(decisions), summed, soft=method.name == SOFT_VOTE)
    return favour(mean, preds), preds


def _selected_probs(results: Results, name: str) -> Path:
    return results.experiment.policy_dir(name) / f"{results.dataset.fusion_split}_selected_probs.parquet"


def _member_as_on_test(results: Results, name: str) -> tuple[np.ndarray, np.ndarray]:
    path, learnt = _selected_probs(results, name), results.dataset.fusion_split
    if not path.is_file():
        policy = results.method(name)
        return results.probs(policy, learnt), results.preds(policy, learnt)
    dataset = results.dataset
    ids = dataset.fusion_products.index
    probs = read_probs(verified(path.parent, path.name), ids, dataset.classes, several=dataset.several)
    return probs, dataset.decide(probs)


@dataclass(frozen=True)
class Submitted:
    """The results of the finished job `submission`."""

    results: Results

    @property
    def method(self) -> Method:
        """The submitted method. Raises KeyError if it is no longer done."""
        return self.results.method(self.facts["method"])

    @cached_property
    def facts(self) -> dict:
        return read_json_object(verified(self.results.experiment.run_root / KEY, "metrics.json"))

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """The table of `rank_methods`; with `submit: best` as the job has kept it."""
        kept = self.facts.get("candidates")
        return rank_methods(self.results) if kept is None else pd.DataFrame(kept)

    @property
    def calibration(self) -> AnyCalibration:
        """The calibration of test products, and of new ones."""
        return restore_calibration(self.facts["calibration"])

    def probs(self, split: str) -> np.ndarray:
        """Return the calibrated (N, C) probabilities."""
        return read_split_probs(self.results.experiment.run_root / KEY, split, self.results.dataset)

    def confidence(self, split: str) -> np.ndarray:
        """Return the (N,) confidences, as probabilities, of the submitted decisions; of several labels, the first."""
        table = read_predictions(self.results.experiment.run_root / KEY, split, self.results.dataset)
        return table["confidence"].to_numpy(dtype=np.float64)

    @cached_property
    def learnt_confidence(self) -> tuple[np.ndarray, np.ndarray]:
        """The (M,) confidences that thresholds are learnt from, and whether the decisions are right.

        They are of the labelled products of `fusion_split`, out of fold, with the calibration that new products get.
        """
        split = self.results.dataset.fusion_split
        own = self.results.probs(self.method, split), self.results.preds(self.method, split)
        probs, preds = _as_on_test(self.results, self.method) or (favour(*own), own[1])
        return _confidence(probs, preds, self.calibration, self.results.targets[split])

    def preds(self, split: str) -> np.ndarray:
        """Return the decisions that are submitted."""
        return self.results.preds(self.method, split)


def read_submitted(results: Results) -> Submitted | None:
    """Return the results of the job `submission`, or None if it is not done."""
    return Submitted(results) if KEY in results.done else None
