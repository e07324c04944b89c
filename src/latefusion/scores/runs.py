"""Compare several runs of one config, with other seeds, splits or machines: mean and standard deviation of scores."""

from pathlib import Path

import pandas as pd

from latefusion.scores.report import markdown
from latefusion.scores.results import GROUPS
from latefusion.utils.errors import StepError

COLUMNS = (("valid", "macro_f1"), ("oof", "macro_f1"), ("test", "macro_f1"), ("test", "accuracy"))


def compare_runs(folders: list[Path]) -> str:
    """Return a Markdown table of the runs in these folders (`weights/<experiment>`), in percent.

    One row per method: mean and standard deviation of its scores over the runs, and the least, mean and greatest gain
    of macro-F1 over the best single expert of each run. Raises InputError if a run has not been scored.
    """
    scores = pd.concat({folder.name: _read(folder, "scores") for folder in folders}, names=["run"])
    gains = pd.concat({folder.name: _read(folder, "comparisons") for folder in folders}, names=["run"])
    split = "test" if (scores["split"] == "test").any() else scores["split"].iloc[0]
    columns = [column for column in COLUMNS if (scores["split"] == column[0]).any()]
    gains = gains[gains["split"] == split].groupby("method")["macro_f1_gain"]
    rows = [("", "method", *(" ".join(column) for column in columns), "gain: least, mean, greatest")]
    group = None
    for method, kind in _in_order(scores):
        values = scores[scores["method"] == method].groupby(["split", "metric"])["value"]
        cells = [_mean(values.get_group(column)) for column in columns]
        rows.append(("" if kind == group else GROUPS[kind], method, *cells, _gain(gains, method)))
        group = kind
    return markdown(rows)


def _read(folder: Path, name: str) -> pd.DataFrame:
    path = folder / "scores" / f"{name}.csv"
    if not path.is_file():
        raise StepError(f"{path} does not exist: run {{step}} for {folder.name} first", "vote")
    return pd.read_csv(path, dtype={"method": "str"}, keep_default_na=False, na_values=[""])


def _in_order(scores: pd.DataFrame) -> list[tuple[str, str]]:
    methods = scores.drop_duplicates("method")[["method", "kind"]].itertuples(index=False, name=None)
    order = list(GROUPS)
    return sorted(methods, key=lambda method: order.index(method[1]))


def _mean(values: pd.Series) -> str:
    spread = f" ± {100 * values.std():.1f}" if len(values) > 1 else ""
    return f"{100 * values.mean():.1f}{spread}"


def _gain(gains, method: str) -> str:
    if method not in gains.groups:
        return ""
    values = 100 * gains.get_group(method)
    return f"{values.min():+.1f}, {values.mean():+.1f}, {values.max():+.1f}"
