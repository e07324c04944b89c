"""Write the tables and figures of two papers for a finished experiment: `latefusion.scores.paper` has the papers.

Writes to weights/<experiment>/: scores/paper.md with all tables, scores/{selection,hidden_map,inputs,
input_gains}.csv, and figures/paper_<figure>.png.
"""

from pathlib import Path

import pandas as pd

from latefusion.config import Experiment
from latefusion.scores.analysis import expert_pairs
from latefusion.scores.paper.hidden import has_hidden_layer, hidden_map
from latefusion.scores.paper.inputs import input_gains, input_table
from latefusion.scores.paper.report import error_section, input_section, selection_section
from latefusion.scores.paper.selection import pair_of, selection_table, shares
from latefusion.scores.report import cost_section, misclassified_section
from latefusion.scores.results import Results
from latefusion.tables.dataset import read_dataset
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.files import write_text


def write_paper_tables(experiment: Experiment) -> str:
    """Write the tables and figures, and return the tables in Markdown.

    Raises InputError if the experiment has not been scored, or if matplotlib is not installed.
    """
    results = Results(experiment, read_dataset(experiment))
    scores, cost, misclassified = (_read(experiment, name) for name in ("scores", "cost", "misclassified"))
    try:
        from latefusion.notebook.paper import save_figures
    except ModuleNotFoundError as error:
        raise InputError(f"the figures need {error.name}: pip install 'latefusion[notebooks]'") from error
    tables = _tables(results, scores)
    for name, table in tables.items():
        write_text(experiment.run_root / "scores" / f"{name}.csv", table.to_csv(index=False))
    save_figures(
        results, tables | {"cost": cost[cost["split"] == results.final_split]}, experiment.run_root / "figures"
    )
    split = results.final_split
    pair = pair_of(results)
    sections = [
        f"# {experiment.name}: the tables of the papers",
        selection_section(tables["selection"], pair, split) if pair else "",
        error_section(shares(expert_pairs(results), pair, split), pair, split) if pair else "",
        cost_section(results, cost),
        input_section(tables["inputs"], tables["input_gains"], experiment.chosen_by, split),
        misclassified_section(results, scores, misclassified),
    ]
    report = "\n\n".join(filter(None, sections)) + "\n"
    write_text(experiment.run_root / "scores" / "paper.md", report)
    return report


def _tables(results: Results, scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables by name; those that the experiment has nothing for are left out."""
    pair = pair_of(results)
    inputs = input_table(results, scores)
    tables = {"inputs": inputs, "input_gains": input_gains(results, inputs)}
    if pair is not None:
        tables["selection"] = selection_table(results)
    if pair is not None and has_hidden_layer(results, pair[0]):
        tables["hidden_map"] = hidden_map(results, pair).reset_index()
    return tables


def _read(experiment: Experiment, name: str) -> pd.DataFrame:
    path: Path = experiment.run_root / "scores" / f"{name}.csv"
    if not path.is_file():
        raise StepError(f"{path} does not exist: run {{step}} first", "vote")
    # Classes and methods may be called 1 or NA: only an empty cell is a missing value.
    return pd.read_csv(path, dtype={"class": "str", "method": "str"}, keep_default_na=False, na_values=[""])
