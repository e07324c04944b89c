"""Score what is done and write it down."""

from latefusion.config import Experiment
from latefusion.files import write_text
from latefusion.label_report import describe_label_issues
from latefusion.locks import locked
from latefusion.prepare import Prepared
from latefusion.scores.analysis import calibration_table, expert_pairs, vote_members
from latefusion.scores.page import calibration_section, pair_section, score_section, vote_section
from latefusion.scores.results import Results
from latefusion.scores.tables import class_table, score_table


def write_scores(experiment: Experiment, prepared: Prepared) -> str:
    """Score every job that is done and return the page."""
    results = Results(experiment, prepared)
    scores, comparisons = score_table(results)
    tables = {
        "scores": scores,
        "comparisons": comparisons,
        "classes": class_table(results),
        "votes": vote_members(results),
        "pairs": expert_pairs(results),
        "calibration": calibration_table(results),
    }
    sections = [
        f"# {experiment.name}",
        "" if experiment.sample is None else "Synthetic sample catalogue, drawn by the project.",
        score_section(results, scores, comparisons),
        vote_section(results, tables["votes"]),
        pair_section(results, tables["pairs"]),
        calibration_section(results, tables["calibration"]),
        describe_label_issues(experiment, prepared) if "denoise" in results.done else "",
    ]
    page = "\n\n".join(filter(None, sections)) + "\n"
    with locked(experiment.submission_dir, wait=True):
        for name, table in tables.items():
            write_text(experiment.run_root / "scores" / f"{name}.csv", table.to_csv(index=False))
        write_text(experiment.submission_dir / "scores.md", page)
    return page
