"""Compare several runs of one config, with other seeds, splits or machines: mean and standard deviation of scores."""

from pathlib import Path

import pandas as pd

from latefusion.scores.report import markdown
from latefusion.scores.results import GROUPS
from latefusion.scores.tables import chosen_metric
from latefusion.utils.errors import InputError
from latefusion.utils.nearest import did_you_mean

SUBMITTED = "submitted"
ROW_GROUPS = GROUPS | {SUBMITTED: "Submitted"}


def compare_runs(folders: list[Path]) -> str:
    """Return a Markdown table of the runs in these folders (`weights/<experiment>`), in percent.

    One row per method: mean and standard deviation of its scores over the runs, and the least, mean and greatest gain
    over the best single expert of each run, by the metric that methods are chosen by. The last row is the method that
    each run submits, if all of them have a submission. Raises InputError if a run has not been scored, or if methods
    are not chosen by the same metric in all of them.
    """
    scores = pd.concat({folder.name: _read(folder, "scores") for folder in folders}, names=["run"])
    gains = pd.concat({folder.name: _read(folder, "comparisons") for folder in folders}, names=["run"])
    submitted = {folder.name: name for folder in folders if (name := _submitted(folder)) is not None}
    if len(submitted) == len(folders):
        scores, gains = _with_submitted(scores, gains, submitted)
    split = "test" if (scores["split"] == "test").any() else scores["split"].iloc[0]
    metric = _metric(scores)
    columns = [(name, metric) for name in ("valid", "oof", "test")] + [("test", "accuracy")]
    columns = [column for column in dict.fromkeys(columns) if (scores["split"] == column[0]).any()]
    gains = gains[gains["split"] == split].groupby("method")["gain"]
    rows = [("", "method", *(" ".join(column) for column in columns), "gain: least, mean, greatest")]
    group = None
    for method, kind in _in_order(scores):
        values = scores[scores["method"] == method].groupby(["split", "metric"])["value"]
        cells = [_mean(values.get_group(column)) for column in columns]
        rows.append(("" if kind == group else ROW_GROUPS[kind], method, *cells, _gain(gains, method)))
        group = kind
    return markdown(rows)


def _metric(scores: pd.DataFrame) -> str:
    """Return the metric that methods are chosen by in all runs."""
    by_run = {run: chosen_metric(own) for run, own in scores.groupby(level="run", sort=False)}
    if len(set(by_run.values())) > 1:
        chosen = ", ".join(f"{run} {metric}" for run, metric in by_run.items())
        raise InputError(f"these runs cannot be compared: their methods are chosen by different metrics ({chosen})")
    return next(iter(by_run.values()))


def _submitted(folder: Path) -> str | None:
    choice = _read(folder, "choice")
    return next(iter(choice.loc[choice["submitted"], "method"]), None)


def _with_submitted(
    scores: pd.DataFrame, gains: pd.DataFrame, submitted: dict[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores and gains with the rows of each run's submitted method once more, under a name of their own."""
    named = {"method": f"({', '.join(dict.fromkeys(submitted.values()))})", "kind": SUBMITTED}

    def own(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["method"] == table.index.get_level_values("run").map(submitted)].assign(**named)

    best = gains[gains["against"] == gains.index.get_level_values("run").map(submitted)]  # has no row: it gains nothing
    nothing = best.reset_index().drop_duplicates(["run", "split"]).set_index("run").assign(gain=0.0, **named)
    return pd.concat([scores, own(scores)]), pd.concat([gains, own(gains), nothing])


def _read(folder: Path, name: str) -> pd.DataFrame:
    path = folder / "scores" / f"{name}.csv"
    if not path.is_file():
        raise InputError(f"{path} does not exist: {_why_unscored(folder)}")
    return pd.read_csv(path, dtype={"method": "str"}, keep_default_na=False, na_values=[""])


def _why_unscored(folder: Path) -> str:
    """Return why an experiment has no scores, and what to do; its config is not known here."""
    if folder.is_dir():
        return f"{folder.name} is not scored: do its vote with its own config first"
    scored = sorted(path.parents[1].name for path in folder.parent.glob("*/scores/scores.csv"))
    return f"there is no experiment {folder.name}{did_you_mean(folder.name, scored) if scored else ''}"


def _in_order(scores: pd.DataFrame) -> list[tuple[str, str]]:
    methods = scores.drop_duplicates("method")[["method", "kind"]].itertuples(index=False, name=None)
    order = list(ROW_GROUPS)
    return sorted(methods, key=lambda method: order.index(method[1]))


def _mean(values: pd.Series) -> str:
    spread = f" ± {100 * values.std():.1f}" if len(values) > 1 else ""
    return f"{100 * values.mean():.1f}{spread}"


def _gain(gains, method: str) -> str:
    if method not in gains.groups:
        return ""
    values = 100 * gains.get_group(method)
    return f"{values.min():+.1f}, {values.mean():+.1f}, {values.max():+.1f}"
