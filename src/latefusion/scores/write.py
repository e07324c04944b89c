"""Score the finished jobs, and write the tables and the report."""

from collections.abc import Callable, Iterator

import pandas as pd

from latefusion.config import Experiment
from latefusion.denoise.report import describe_label_issues
from latefusion.scores.analysis import calibration_table, expert_pairs, vote_members
from latefusion.scores.asked import asked_table, cost_table
from latefusion.scores.automation import automation_table, coverage_table
from latefusion.scores.choice import log_vote_warning, rank_methods
from latefusion.scores.current import CARD, PAGE, describe_inputs, read_current, write_current
from latefusion.scores.environment import run_section
from latefusion.scores.headline import headline
from latefusion.scores.notes import sample_note
from latefusion.scores.report import (
    asked_section,
    automation_section,
    calibration_section,
    cost_section,
    misclassified_section,
    pair_section,
    score_section,
    vote_section,
)
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted, read_submitted
from latefusion.scores.tables import class_table, misclassified_table, score_table
from latefusion.tables.dataset import Dataset
from latefusion.utils.files import write_text
from latefusion.utils.locks import locked

Written = Callable[[Results, Submitted | None, dict[str, pd.DataFrame]], str]  # makes a text of the tables by name


def write_scores(
    experiment: Experiment,
    dataset: Dataset,
    *,
    more: Callable[[Experiment, Dataset], str] | None = None,
    page: Written | None = None,
    card: Written | None = None,
) -> str:
    """Score all finished jobs, write the tables and `scores.md`, and return the report.

    If those that are there are of these jobs, they are left as they are. `more` returns a further section of the
    report, "" for none; `page` the content of `report.html`, and `card` that of `README.md`, from the tables by name.
    """
    results = Results(experiment, dataset)
    done = [results.jobs[key] for key in sorted(results.done)]
    if (current := read_current(experiment, done)) is not None:
        log_vote_warning(experiment, dataset)
        return current
    made_from = describe_inputs(experiment, done)  # now: another process may do a job again meanwhile
    submitted = read_submitted(results)
    scores, comparisons = score_table(results)
    ranking = rank_methods(results) if submitted is None else submitted.ranking
    classes = class_table(results)
    tables = {
        "scores": scores,
        "comparisons": comparisons,
        "classes": classes,
        "misclassified": misclassified_table(classes),
        "votes": vote_members(results),
        "pairs": expert_pairs(results),
        "asked": asked_table(results),
        "cost": cost_table(results),
        "calibration": calibration_table(results, submitted),
        "choice": ranking.assign(submitted=ranking["method"] == (submitted and submitted.method.name)),
        "automation": automation_table(submitted),
        "coverage": coverage_table(submitted),
    }
    sections = [
        f"# {experiment.name}",
        headline(submitted, scores, ranking),
        sample_note(experiment),
        score_section(results, scores, comparisons, submitted),
        vote_section(results, tables["votes"]),
        pair_section(results, tables["pairs"]),
        asked_section(results, tables["asked"]),
        cost_section(results, tables["cost"]),
        misclassified_section(results, scores, tables["misclassified"]),
        calibration_section(results, tables["calibration"]),
        automation_section(results, tables["automation"], tables["coverage"]),
        more(experiment, dataset) if more else "",
        *_label_issues(results),
        run_section(results),
    ]
    report = "\n\n".join(filter(None, sections)) + "\n"
    others = {name: write(results, submitted, tables) for name, write in {PAGE: page, CARD: card}.items() if write}
    with locked(experiment.submission_dir, wait=True):
        for name, table in tables.items():
            write_text(experiment.run_root / "scores" / f"{name}.csv", table.to_csv(index=False))
        write_text(experiment.submission_dir / "scores.md", report)
        for name, text in others.items():
            write_text(experiment.submission_dir / name, text)
        write_current(experiment, made_from)
    log_vote_warning(experiment, dataset)
    return report


def _label_issues(results: Results) -> Iterator[str]:
    """Yield what denoising found: once, or in a cross-fitted experiment for each fold."""
    if "denoise" in results.done:
        yield describe_label_issues(results.experiment, results.dataset)
    for number, fold in enumerate(results.experiment.folds):  # not of the pairs, which policies learn from alone
        if f"folds/{number}/denoise" in results.done:
            yield f"Fold {number}. {describe_label_issues(fold, results.dataset.of_fold(number))}"
