"""Write what the challenge accepts, and nothing it would reject.

Reads the challenge's test files and the predictions; writes `y_test_task1_phase{1,2}_pred.tsv` (SIGIR),
`y_test_pred.csv` (ENS) or `predictions.tsv` (tables, and challenge data without a test file). Each file is written
beside its place, read again and compared with the test file, and only then renamed: an older one is whole or replaced.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from latefusion.catalogue import ens, sigir
from latefusion.catalogue.checks import refuse
from latefusion.catalogue.reading import find_file, read_delimited
from latefusion.config import CatalogueConfig
from latefusion.errors import InputError, list_problems
from latefusion.files import whole

SIGIR_HEADER = ["Integer_id", "Image_id", "Product_id", "Prdtypecode"]
ENS_HEADER = ["", "prdtypecode"]
ADVICE = "Write the submission again from the predictions; do not edit it by hand."


def write_submissions(
    catalogue: CatalogueConfig, predictions: pd.DataFrame, out_dir: Path, splits: pd.Series
) -> list[Path]:
    """Write the predictions in the catalogue's own format and return the files.

    `predictions` (index id; `label`, `confidence`) holds every product of `splits` that is neither train nor valid;
    without any such product nothing is written. Raises InputError, which leaves older submissions as they were.
    """
    expected = splits.index[~splits.isin(["train", "valid"])]
    _check_predictions(predictions, expected)
    if expected.empty:
        return []
    predictions = predictions.loc[expected]
    out_dir.mkdir(parents=True, exist_ok=True)
    if catalogue.format == "sigir" and (test_files := sigir.find_tests(catalogue.root)):
        tables = {test_file: _sigir_table(test_file, predictions["label"]) for test_file in test_files}
        return [_write_sigir(test_file, table, out_dir) for test_file, table in tables.items()]
    if catalogue.format == "ens" and (catalogue.root / ens.TEST_FILE).exists():
        return [_write_ens(find_file(catalogue.root, ens.TEST_FILE), predictions["label"], out_dir)]
    return [_write_predictions(predictions, out_dir)]


def validate_sigir(path: Path, test_file: Path) -> None:
    """Raise InputError, naming the lines, unless the challenge would accept `path` for `test_file`."""
    _check_bytes(path, "\t".join(SIGIR_HEADER))
    submitted = read_delimited(path, "\t", SIGIR_HEADER, quoted=False)
    submitted.columns = ["id", "image_id", "product_id", "label"]
    expected = sigir.read_products(test_file)
    _check_rows(submitted, expected, test_file)
    for column in ("image_id", "product_id"):
        wanted = pd.Series(expected[column].to_numpy(), index=submitted.index)
        problems = "id " + submitted["id"] + f" has {column} " + submitted[column] + " instead of " + wanted
        refuse(problems[submitted[column] != wanted], f"Rows whose {column} is not the test file's:", ADVICE)


def validate_ens(path: Path, test_file: Path) -> None:
    """Raise InputError, naming the lines, unless the challenge would accept `path` for `test_file`."""
    _check_bytes(path, ",".join(ENS_HEADER))
    submitted = read_delimited(path, ",", ENS_HEADER)
    submitted.columns = ["id", "label"]
    _check_rows(submitted, ens.read_products(test_file), test_file)


def _write_sigir(test_file: Path, table: pd.DataFrame, out_dir: Path) -> Path:
    path = out_dir / f"y{test_file.stem.removeprefix('x')}_pred.tsv"
    text = table.to_csv(sep="\t", index=False, lineterminator="\n")
    return _write_checked(path, text, partial(validate_sigir, test_file=test_file))


def _sigir_table(test_file: Path, labels: pd.Series) -> pd.DataFrame:
    products = sigir.read_products(test_file)
    codes = _codes(products["id"], labels)
    return products[["id", "image_id", "product_id"]].assign(label=codes).set_axis(SIGIR_HEADER, axis=1)


def _write_ens(test_file: Path, labels: pd.Series, out_dir: Path) -> Path:
    ids = ens.read_products(test_file)["id"]
    table = pd.DataFrame({"": ids, "prdtypecode": _codes(ids, labels)})
    text = table.to_csv(index=False, lineterminator="\n")
    return _write_checked(out_dir / "y_test_pred.csv", text, partial(validate_ens, test_file=test_file))


def _write_predictions(predictions: pd.DataFrame, out_dir: Path) -> Path:
    """Write id, label and confidence; a cell with a tab, a quote or a line break is quoted as in CSV."""
    table = predictions.rename_axis("id")[["label", "confidence"]].reset_index()
    odd = table["id"][table["id"].str.contains("\r") | table["label"].str.contains("\r")]
    _refuse_ids(odd, "Ids or labels that hold a carriage return, which no table can carry:", "Rename them.")
    text = table.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.6f")
    return _write_checked(out_dir / "predictions.tsv", text, partial(_validate_predictions, table=table))


def _validate_predictions(path: Path, table: pd.DataFrame) -> None:
    written = read_delimited(path, "\t", ["id", "label", "confidence"]).reset_index(drop=True)
    if len(written) != len(table):
        raise InputError(f"{path.name}: {len(written)} rows were written for {len(table)} predictions")
    changed = table["id"][(written["id"] != table["id"]) | (written["label"] != table["label"])]
    _refuse_ids(changed, "Ids or labels that do not survive being written:", "Rename them.")


def _write_checked(path: Path, text: str, validate: Callable[[Path], None]) -> Path:
    if path.is_file() and path.read_bytes() == text.encode():
        validate(path)
        return path
    with whole(path) as partial_file:
        partial_file.write_bytes(text.encode())
        validate(partial_file)
    return path


def _check_predictions(predictions: pd.DataFrame, expected: pd.Index) -> None:
    advice = "The predictions and the split must come from the same run."
    ids = predictions.index.to_series()
    _refuse_ids(ids[ids.duplicated()], "Products predicted more than once:", advice)
    _refuse_ids(expected[~expected.isin(ids)], "Products without a prediction:", advice)
    _refuse_ids(ids[~ids.isin(expected)], "Predictions for products that are not to be predicted:", advice)
    _refuse_ids(ids[predictions["label"].isna()], "Predictions without a label:", advice)
    certain = predictions["confidence"].between(0, 1)
    _refuse_ids(ids[~certain], "Predictions whose confidence is not within 0 and 1:", advice)


def _codes(ids: pd.Series, labels: pd.Series) -> pd.Series:
    _refuse_ids(ids[~ids.isin(labels.index)], "Products of the test file without a prediction:", "Predict them all.")
    codes = ids.map(labels)
    odd = ~codes.str.fullmatch("[0-9]+")
    advice = "The challenge knows whole-number codes only."
    _refuse_ids((ids + " has '" + codes + "'")[odd], "Predictions that are not codes:", advice)
    return codes


def _refuse_ids(ids: pd.Series | pd.Index, headline: str, advice: str) -> None:
    if len(ids):
        raise list_problems(headline, [f"id {id_}" for id_ in ids], advice)


def _check_bytes(path: Path, header: str) -> None:
    """Raise where the bytes differ from what any lenient reader would accept: header, line ends, blank lines."""
    lines = path.read_bytes().split(b"\n")
    if lines[0] != header.encode():
        raise InputError(f"{path.name}, line 1: the header must be exactly {header!r}, ended by a line feed; {ADVICE}")
    if lines.pop() != b"":
        raise InputError(f"{path.name}, line {len(lines) + 1}: the last line must end with a line feed; {ADVICE}")
    odd = [f"{path.name}, line {n}" for n, line in enumerate(lines, start=1) if not line or line.endswith(b"\r")]
    if odd:
        raise list_problems("Lines that are blank or end with a carriage return:", odd, ADVICE)


def _check_rows(submitted: pd.DataFrame, expected: pd.DataFrame, test_file: Path) -> None:
    ids = submitted["id"]
    refuse("id " + ids[~ids.isin(expected["id"])], f"Ids that are not in {test_file.name}:", ADVICE)
    refuse("id " + ids[ids.duplicated(keep=False)], "Ids that stand more than once:", ADVICE)
    missing = expected["id"][~expected["id"].isin(ids)]
    refuse("id " + missing, "Products of the test file that the submission lacks:", ADVICE)
    wanted = pd.Series(expected["id"].to_numpy(), index=ids.index)
    problems = "id " + ids + ", where the test file has " + wanted
    refuse(problems[ids != wanted], "Rows that are not in the test file's order:", ADVICE)
    odd = submitted[~submitted["label"].str.fullmatch("[0-9]+")]
    refuse("id " + odd["id"] + " has '" + odd["label"] + "'", "Codes that are not whole numbers:", ADVICE)
