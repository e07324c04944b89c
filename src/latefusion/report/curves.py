"""What the curves show: confidence against accuracy, coverage against precision, and training by epoch."""

import json
from pathlib import Path

import numpy as np

from latefusion.config import Experiment
from latefusion.metrics.calibration import reliability
from latefusion.metrics.confidence import favour
from latefusion.metrics.decisions import is_right
from latefusion.report.charts import share
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted

FEWEST = 10  # accepted products, below which a precision is mostly chance
POINTS = 200  # of a curve
MOST_FOLDS = 5  # whose training is shown
LOSSES = 6  # significant digits


def calibration_curves(submitted: Submitted) -> list[dict]:
    """Return bins of confidence on `final_split` before and after calibration: mean confidence, share right, n."""
    results, split = submitted.results, submitted.results.final_split
    preds, known = submitted.preds(split), results.known(split)
    before = favour(results.probs(submitted.method, split), preds)
    rows = []
    for when, probs in {"before": before, "after": submitted.probs(split)}.items():
        bins = reliability(results.targets[split][known], probs[known], preds[known])
        rows += [
            {"when": when, "confidence": share(row.confidence), "right": share(row.accuracy), "n": int(row.n)}
            for row in bins.itertuples()
        ]
    return rows


def coverage_curve(submitted: Submitted) -> list[dict]:
    """Return how many decisions on `final_split` are right, if only those of at least a confidence are accepted.

    Each row: coverage (the share of the products that are accepted), right (the share of these), confidence.
    """
    results, split = submitted.results, submitted.results.final_split
    known = results.known(split)
    right = is_right(results.targets[split], submitted.preds(split))[known]
    confidence = submitted.confidence(split)[known]
    order = np.argsort(-confidence, kind="stable")
    confidence, n_right = confidence[order], right[order].cumsum()
    last = np.r_[np.flatnonzero(np.diff(confidence)), len(confidence) - 1]  # equal confidences are accepted together
    last = last[last + 1 >= min(FEWEST, len(confidence))]
    last = last[np.unique(np.linspace(0, len(last) - 1, POINTS).round().astype(int))]
    return [
        {
            "coverage": share((index + 1) / len(confidence)),
            "right": share(n_right[index] / (index + 1)),
            "confidence": share(confidence[index]),
        }
        for index in last
    ]


def training_curves(results: Results) -> list[dict]:
    """Return the epochs of all networks that are done: expert, fold (None without folds), epoch, loss and score.

    A late expert is an epoch of another one's training and has none of its own, and so have experts without epochs.
    """
    experiment, rows = results.experiment, []
    views: list[tuple[int | None, Experiment]] = [*enumerate(experiment.folds[:MOST_FOLDS])] or [(None, experiment)]
    for name in experiment.experts:
        for fold, view in views:
            rows += [
                {"expert": name, "fold": fold} | epoch
                for epoch in _read_log(view.expert_dir(name), experiment.chosen_by)
            ]
    return rows


def _read_log(run_dir: Path, metric: str) -> list[dict]:
    """Return the epochs of a run folder's log; none if there is no log. Lines that are damaged are left out."""
    path = run_dir / "log.jsonl"
    epochs: dict[int, dict] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            record = json.loads(line)
            epochs[int(record["epoch"])] = {
                "epoch": int(record["epoch"]),
                "loss": _digits(record["loss"]),
                "score": _score(record, metric),
            }
        except (ValueError, KeyError, TypeError):
            continue
    return list(epochs.values())


def _score(record: dict, metric: str) -> float | None:
    scores = {key: value for key, value in record.items() if key.endswith(metric) and key != metric}
    value = next(iter(scores.values()), None)
    return None if value is None else share(value)


def _digits(value: float) -> float | None:
    return float(f"{value:.{LOSSES}g}") if np.isfinite(value) else None
