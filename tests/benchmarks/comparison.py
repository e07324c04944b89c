"""Tables of several methods on the same test products, for one or several seeds, with intervals; see compare.py."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from baselines import Outcome, Seconds

from latefusion.metrics.f1 import METRICS
from latefusion.scores.intervals import interval, resamples, scores_of_draws
from latefusion.scores.report import markdown

SHOWN = ("accuracy", "macro_f1", "weighted_f1")
GAINS = ("accuracy", "macro_f1")


@dataclass
class Run:
    """What each method made of the test products of one seed."""

    ids: pd.Index
    targets: np.ndarray  # (N,) class numbers
    classes: list[str]
    n_train: int
    outcomes: dict[str, Outcome]  # by method; the first is ours, which the others are compared with

    def preds(self, method: str) -> np.ndarray:
        """Return a method's (N,) class numbers. Raises ValueError if it predicted a label that is no class."""
        preds = pd.Index(self.classes).get_indexer(self.outcomes[method].labels)
        if (preds < 0).any():
            raise ValueError(f"{method} predicted {self.outcomes[method].labels[preds < 0][0]!r}, which is no class")
        return preds


def describe(title: str, machine: str, runs: Mapping[int, Run]) -> str:
    """Return the report on the runs, by seed, in Markdown; `machine` says what the times were measured on."""
    first = next(iter(runs.values()))
    finished = [name for name in first.outcomes if all(run.outcomes[name].labels is not None for run in runs.values())]
    sections = [f"# Comparison on {title}", _score_table(runs, finished), _sizes(machine, runs)]
    sections += [_seed_table(runs, finished)] if len(runs) > 1 else []
    notes: dict[str, list[str]] = {}  # note -> seeds; most are the same for all seeds
    for seed, run in runs.items():
        for note in (outcome.note for outcome in run.outcomes.values() if outcome.note):
            notes.setdefault(note, []).append(str(seed))
    sections += [
        note if len(seeds) == len(runs) else f"Seed {', '.join(seeds)}: {note}" for note, seeds in notes.items()
    ]
    return "\n\n".join(sections) + "\n"


def _score_table(runs: Mapping[int, Run], finished: list[str]) -> str:
    """Return one row per method: scores, what ours gains, and time, as means over the runs."""
    values, draws = scores(runs, finished)
    gains = [f"{metric}: ours gains" for metric in GAINS]
    rows = [("method", *SHOWN, *gains, "seconds", "CPU seconds")]
    for name in next(iter(runs.values())).outcomes:
        if name not in finished:
            rows.append((name, "not run", *[""] * (len(rows[0]) - 2)))
            continue
        row = finished.index(name)
        cells = [_score(values[metric][row], draws[metric][row]) for metric in SHOWN]
        for metric in GAINS:
            gain, drawn = values[metric][0] - values[metric][row], draws[metric][0] - draws[metric][row]
            cells.append(_gain(gain, drawn) if row else "")
        rows.append((name, *cells, *_time([run.outcomes[name].seconds for run in runs.values()])))
    return markdown(rows)


def scores(runs: Mapping[int, Run], methods: list[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return (M,) scores and (M, DRAWS) bootstrap draws of them for each metric, as means over the runs.

    Products are resampled, not rows: one that is a test product of several runs is drawn for all of them or for none,
    since the methods tend to be right or wrong about it in all of them.
    """
    ids = pd.Index(np.unique(np.concatenate([run.ids for run in runs.values()])))
    positions = {seed: ids.get_indexer(run.ids) for seed, run in runs.items()}
    preds = {seed: np.stack([run.preds(method) for method in methods]) for seed, run in runs.items()}
    values = {
        metric: np.mean([[function(run.targets, row) for row in preds[seed]] for seed, run in runs.items()], axis=0)
        for metric, function in METRICS.items()
    }
    blocks: dict[str, list[np.ndarray]] = {metric: [] for metric in METRICS}
    for drawn in resamples(len(ids)):
        of_runs = [
            scores_of_draws(drawn[:, positions[seed]], run.targets, preds[seed], len(run.classes))
            for seed, run in runs.items()
        ]
        for metric, found in blocks.items():
            found.append(np.mean([scored[metric] for scored in of_runs], axis=0))
    return values, {metric: np.concatenate(found, axis=1) for metric, found in blocks.items()}


def _seed_table(runs: Mapping[int, Run], finished: list[str]) -> str:
    """Return accuracy and macro-F1 of each method for each seed."""
    by_seed = {seed: scores({seed: run}, finished)[0] for seed, run in runs.items()}
    rows = [(", ".join(GAINS), *(f"seed {seed}" for seed in runs))]
    for row, name in enumerate(finished):
        cells = (", ".join(f"{100 * values[metric][row]:.1f}" for metric in GAINS) for values in by_seed.values())
        rows.append((name, *cells))
    return markdown(rows)


def _sizes(machine: str, runs: Mapping[int, Run]) -> str:
    """Return the sentences on what was scored, on how many products, and what the columns mean."""
    first = next(iter(runs.values()))
    several = f" Means over {len(runs)} seeds." if len(runs) > 1 else ""
    return (
        f"{len(first.targets)} test products, {first.n_train} labelled products to learn from, {len(first.classes)} "
        f"classes; the same for all methods.{several} Scores are in percent, with bootstrap 95 % intervals over "
        f"products that are paired between methods{' and seeds' if several else ''}. Seconds are wall time, with the "
        "loading of libraries for ours and AutoGluon; CPU seconds are those of all processes together. Features of "
        f"frozen networks that an earlier run has stored are not computed again. {machine}."
    )


def _score(value: float, draws: np.ndarray) -> str:
    low, high = interval(value, draws)
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _gain(value: float, draws: np.ndarray) -> str:
    low, high = interval(value, draws)
    return f"{100 * value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def _time(seconds: list[Seconds | None]) -> tuple[str, str]:
    known = [one for one in seconds if one is not None]
    if len(known) < len(seconds):
        return "", ""
    return _rounded(np.mean([one.wall for one in known])), _rounded(np.mean([one.cpu for one in known]))


def _rounded(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"
