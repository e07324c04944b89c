"""Compare several runs of one config, with other seeds, splits or machines: mean and standard deviation of scores."""

from pathlib import Path

import pandas as pd

from latefusion.scores.report import markdown
from latefusion.scores.results import GROUPS
from latefusion.utils.errors import StepError

COLUMNS = (("valid", "macro_f1"), ("oof", "macro_f1"), ("test", "macro_f1"), ("test", "accuracy"))
SUBMITTED = "submitted"
ROW_GROUPS = GROUPS | {SUBMITTED: "Submitted"}


def compare_runs(folders: list[Path]) -> str:
    """Return a Markdown table of the runs in these folders (`weights/<experiment>`), in percent.

    One row per method: mean and standard deviation of its scores over the runs, and the least, mean and greatest gain
    of macro-F1 over the best single expert of each run. The last row is the method that each run submits, if all of
    them have a submission. Raises InputError if a run has not been scored.
    """
    scores = pd.concat({folder.name: _read(folder, "scores") for folder in folders}, names=["run"])
    gains = pd.concat({folder.name: _read(folder, "comparisons") for folder in folders}, names=["run"])
    submitted = {folder.name: name for folder in folders if (name := _submitted(folder)) is not None}
    if len(submitted) == len(folders):
        scores, gains = _with_submitted(scores, gains, submitted)
    split = "test" if (scores["split"] == "test").any() else scores["split"].iloc[0]
    columns = [column for column in COLUMNS if (scores["split"] == column[0]).any()]
    gains = gains[gains["split"] == split].groupby("method")["macro_f1_gain"]
    rows = [("", "method", *(" ".join(column) for column in columns), "gain: least, mean, greatest")]
    group = None
    for method, kind in _in_order(scores):
        values = scores[scores["method"] == method].groupby(["split", "metric"])["value"]
        cells = [_mean(values.get_group(column)) for column in columns]
        rows.append(("" if kind == group else ROW_GROUPS[kind], method, *cells, _gain(gains, method)))
        group = kind
    return markdown(rows)


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
    nothing = best.reset_index().drop_duplicates(["run", "split"]).set_index("run").assign(macro_f1_gain=0.0, **named)
    return pd.concat([scores, own(scores)]), pd.concat([gains, own(gains), nothing])


def _read(folder: Path, name: str) -> pd.DataFrame:
    path = folder / "scores" / f"{name}.csv"
    if not path.is_file():
        raise StepError(f"{path} does not exist: run {{step}} for {folder.name} first", "vote")
    return pd.read_csv(path, dtype={"method": "str"}, keep_default_na=False, na_values=[""])


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
