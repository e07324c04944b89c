"""Write submissions in the format of the challenge, and validate each before it replaces an older one.

Reads the challenge's test files and the predictions. Writes `y_test_task1_phase{1,2}_pred.tsv` (SIGIR),
`y_test_pred.csv` (ENS) or `predictions.tsv` (tables, and challenge data without a test file). Each file is written
under a temporary name, read again, compared with the test file, and only then renamed. So an older file is either kept
or replaced, never damaged.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from latefusion.config import CatalogueConfig
from latefusion.submission.formats import (
    HELD_OUT,
    NEW,
    PREDICTIONS_NAME,
    Challenge,
    challenge_of,
    predictions_format,
)
from latefusion.submission.validation import validate_challenge, validate_predictions
from latefusion.utils.errors import list_problems
from latefusion.utils.files import atomic_write

ROUNDING = 1e-6  # a float32 mean of probabilities may be this far outside 0 to 1; it is clipped


def write_submissions(
    catalogue: CatalogueConfig,
    predictions: pd.DataFrame,
    out_dir: Path,
    splits: pd.Series,
    *,
    separator: str | None = None,
) -> list[Path]:
    """Write the predictions in the format of the catalogue and return the paths.

    `splits` (index: id) has the split of every product. `predictions` (index: id; columns: `label`, `confidence`, and
    those of the next classes: `tables.predictions.read_ranked_predictions`) must have exactly the products that are
    neither in train nor in valid; if there are none, nothing is written. `separator`: of several labels, None of one.
    Raises InputError on invalid predictions; older submissions are then unchanged.
    """
    expected = splits.index[~splits.isin(["train", "valid"])]
    _check_predictions(predictions, expected)
    if expected.empty:
        return []
    predictions = predictions.loc[expected]
    out_dir.mkdir(parents=True, exist_ok=True)
    challenge = challenge_of(catalogue)
    if challenge and (test_files := challenge.find_tests(catalogue.root)):
        tables = {name: _table(challenge, test_file, predictions["label"]) for name, test_file in test_files.items()}
        return [_write_challenge(out_dir / name, table, challenge, test_files[name]) for name, table in tables.items()]
    split = splits[expected].map(lambda name: NEW if name == "submit" else HELD_OUT)
    return [_write_predictions(predictions.assign(split=split), out_dir, separator)]


def _table(challenge: Challenge, test_file: Path, labels: pd.Series) -> pd.DataFrame:
    """Return the submission for a test file, in the order of its rows."""
    products = challenge.read_products(test_file)
    rows = products.assign(label=_codes(products["id"], labels))
    return rows[list(challenge.columns.values())].set_axis(challenge.header, axis=1)


def _write_challenge(path: Path, table: pd.DataFrame, challenge: Challenge, test_file: Path) -> Path:
    text = table.to_csv(sep=challenge.delimiter, index=False, lineterminator="\n")
    return _write_checked(path, text, partial(validate_challenge, challenge=challenge, test_file=test_file))


def _write_predictions(predictions: pd.DataFrame, out_dir: Path, separator: str | None) -> Path:
    """Write `predictions.tsv`; cells with a tab, a quote or a line break are quoted as in CSV."""
    columns = predictions_format(["id", *predictions], several=separator is not None).header
    table = predictions.rename_axis("id").reset_index()[columns]
    confidences = [name for name in columns if pd.api.types.is_float_dtype(table[name])]
    table[confidences] = table[confidences].clip(0, 1)
    labels = table[_label_columns(table)]
    odd = table["id"][table["id"].str.contains("\r") | labels.apply(lambda cells: cells.str.contains("\r")).any(axis=1)]
    _refuse_ids(odd, "Ids or labels with a carriage return, which cannot be written to a table:", "Rename them.")
    text = table.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.6f")
    return _write_checked(
        out_dir / PREDICTIONS_NAME, text, partial(_validate_written, table=table, separator=separator)
    )


def _label_columns(table: pd.DataFrame) -> list[str]:
    return [name for name in table if name.startswith(("label", "next_labels"))]


def _validate_written(path: Path, table: pd.DataFrame, separator: str | None) -> None:
    written = validate_predictions(path, pd.Index(table["id"]), separator=separator)
    labels = _label_columns(table)
    changed = table["id"][(written[labels].to_numpy() != table[labels].to_numpy()).any(axis=1)]
    _refuse_ids(changed, "Labels that change when they are written and read again:", "Rename them.")


def _write_checked(path: Path, text: str, validate: Callable[[Path], object]) -> Path:
    if path.is_file() and path.read_bytes() == text.encode():
        validate(path)
        return path
    with atomic_write(path) as partial_file:
        partial_file.write_bytes(text.encode())
        validate(partial_file)
    return path


def _check_predictions(predictions: pd.DataFrame, expected: pd.Index) -> None:
    advice = "The predictions and the split must come from the same run."
    ids = predictions.index.to_series()
    _refuse_ids(ids[ids.duplicated()], "Products predicted more than once:", advice)
    _refuse_ids(expected[~expected.isin(ids)], "Products without a prediction:", advice)
    _refuse_ids(ids[~ids.isin(expected)], "Predictions for products that are not in the test split:", advice)
    _refuse_ids(ids[predictions["label"].isna()], "Predictions without a label:", advice)
    valid = predictions["confidence"].between(-ROUNDING, 1 + ROUNDING)
    _refuse_ids(ids[~valid], "Predictions with a confidence outside 0 to 1:", advice)


def _codes(ids: pd.Series, labels: pd.Series) -> pd.Series:
    _refuse_ids(ids[~ids.isin(labels.index)], "Products of the test file without a prediction:", "Predict them all.")
    codes = ids.map(labels)
    odd = ~codes.str.fullmatch("[0-9]+")
    advice = "The challenge accepts only whole numbers as codes."
    _refuse_ids((ids + " has '" + codes + "'")[odd], "Predictions that are not codes:", advice)
    return codes


def _refuse_ids(ids: pd.Series | pd.Index, headline: str, advice: str) -> None:
    if len(ids):
        raise list_problems(headline, [f"id {id_}" for id_ in ids], advice)
