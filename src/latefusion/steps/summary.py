"""The six lines that end an experiment: what is submitted, its score, coverage and gain, and where everything lies.

`scores/summary.json` holds the first four lines, and what they were made from, so that they can be shown again at once.
"""

from dataclasses import asdict

import pandas as pd

from latefusion.config import Experiment
from latefusion.metrics.f1 import METRIC_NAMES
from latefusion.plan.jobs import Job, done_jobs
from latefusion.scores.automation import describe_right
from latefusion.scores.choice import deciding_metric
from latefusion.scores.current import describe_inputs
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted, read_submitted
from latefusion.scores.tables import best_text_expert, paired_gain
from latefusion.steps.finished import Summary, summary_path, where
from latefusion.tables.dataset import Dataset
from latefusion.utils.files import write_json
from latefusion.utils.locks import locked

TARGET = 0.98  # the share of the accepted predictions that are to be right
NOTHING = "nothing yet: the job `submission` is not done"


def write_summary(experiment: Experiment, dataset: Dataset) -> str:
    """Write and return the summary of an experiment; the scores must have been written."""
    results = Results(experiment, dataset)
    submitted = read_submitted(results)
    if submitted is None:
        return f"submitted    {NOTHING}"
    done: list[Job] = done_jobs(results.jobs.values())
    summary = Summary(describe_inputs(experiment, done), _lines(submitted))
    with locked(experiment.submission_dir, wait=True):  # as the scores
        write_json(summary_path(experiment), asdict(summary))
    return "\n".join([*summary.lines, *where(experiment)])


def _lines(submitted: Submitted) -> list[str]:
    scores, automation = (_read(submitted.results.experiment, name) for name in ("scores", "automation"))
    return [
        f"submitted    {_what(submitted)}",
        f"score        {_score(submitted, scores)}",
        f"coverage     {_coverage(submitted, automation)}",
        f"over text    {_gain(submitted, scores)}",
    ]


def _read(experiment: Experiment, name: str) -> pd.DataFrame:
    path = experiment.run_root / "scores" / f"{name}.csv"
    return pd.read_csv(path, dtype={"method": "str"}, keep_default_na=False, na_values=[""])


def _what(submitted: Submitted) -> str:
    experiment, name = submitted.results.experiment, submitted.method.name
    if experiment.submit == "vote":
        return f"{experiment.name}: the vote of {len(experiment.vote_members)} policies (submit: vote)"
    n_methods = len(submitted.facts["candidates"])
    return f"{experiment.name}: {name}, the simplest of the best of {n_methods} methods (submit: best)"


def _score(submitted: Submitted, scores: pd.DataFrame) -> str:
    """Return the score that methods are chosen by, and the accuracy, with their intervals."""
    results, split = submitted.results, submitted.results.final_split
    own = scores[(scores["method"] == submitted.method.name) & (scores["split"] == split)].set_index("metric")
    shown = [
        f"{METRIC_NAMES[metric]} {_interval(own.loc[metric])}" for metric in _metrics(results) if metric in own.index
    ]
    n = int(own["n"].iloc[0])
    return f"{', '.join(shown)}, on {_products(n, split, results)}"


def _metrics(results: Results) -> list[str]:
    """Return the metric that methods are compared by, then the accuracy."""
    return list(dict.fromkeys([deciding_metric(results), results.experiment.chosen_by, "accuracy"]))


def _products(n: int, split: str, results: Results) -> str:
    held = "" if split == "test" else ", out of fold: no label of a test product is known"
    return f"{n:,} {split} product{'s' if n != 1 else ''}{held}"


def _gain(submitted: Submitted, scores: pd.DataFrame) -> str:
    results, name = submitted.results, submitted.method.name
    text = best_text_expert(scores)
    if text is None:
        return "no expert reads texts alone"
    if text == name:
        return f"nothing: {text} is the best text expert"
    metric = deciding_metric(results)
    gain, low, high = (100 * value for value in paired_gain(results, name, text, metric))
    if gain == low == high == 0:
        return f"nothing: its decisions are as right as those of {text}, the best text expert"
    return f"{gain:+.1f} [{low:+.1f}, {high:+.1f}] points of {METRIC_NAMES[metric]} over {text}, the best text expert"


def _coverage(submitted: Submitted, automation: pd.DataFrame) -> str:
    """Return how many products have a confidence from which the target is reached, and how many of these are right."""
    learnt, split = submitted.results.dataset.fusion_split, submitted.results.final_split
    of_target = automation[automation["target"].round(4) == TARGET].set_index("split")
    target, several = f"{100 * TARGET:.0f} %", submitted.results.dataset.several
    if of_target.empty or pd.isna(of_target.loc[learnt, "threshold"]):
        decisions = "first labels" if several else "decisions"
        return f"none: at no confidence are {target} of the {decisions} for {learnt} products right"
    row = of_target.loc[split]
    found = f"{100 * row['share']:.0f} % of the {split} products have a confidence of {row['threshold']:.4f} or more"
    right = "" if pd.isna(row["right"]) else f", of which {100 * row['right']:.1f} % are right"
    if right and several:
        right = f"; {describe_right(row)}"
    return f"{found}{right} (chosen on {learnt} for {target})"


def _interval(row: pd.Series) -> str:
    return f"{100 * row['value']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
