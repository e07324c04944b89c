"""Probabilities and decisions are keyed by id, refuse what is none, and name a damaged file with the way out."""

import errno
import json
import warnings
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from latefusion.config import Split
from latefusion.fusion.rules import combine
from latefusion.tables.artifacts import read_json_object, read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.tables.predictions import read_predictions, read_preds, write_predictions
from latefusion.tables.probabilities import read_probs, write_probs
from latefusion.utils.errors import InputError

IDS = pd.Index(["b", "a", "c"], name="id")
CLASSES = ["10", "40"]
PROBS = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])


@pytest.fixture
def written(tmp_path):
    """A run folder with the probabilities of three products."""
    write_probs(tmp_path / "tfidf" / "test_probs.parquet", IDS, PROBS, CLASSES)
    return tmp_path / "tfidf" / "test_probs.parquet"


@pytest.fixture
def dataset():
    products = pd.DataFrame({"label": ["10", "40", "10"], "split": "test"}, index=IDS)
    return Dataset(products, CLASSES, Split())


def change(path, function):
    function(pd.read_parquet(path)).to_parquet(path)


def test_a_file_is_not_called_damaged_because_the_machine_lacks_something(written, monkeypatch):
    """The advice for a damaged file is to remove what was trained."""
    launch = "Unknown error: Failed to launch worker thread: Resource temporarily unavailable"
    for error in (pa.ArrowException(launch), OSError(errno.EMFILE, "Too many open files")):
        monkeypatch.setattr("pyarrow.parquet.ParquetFile.read", Mock(side_effect=error))
        with pytest.raises(type(error)) as caught:
            read_parquet(written)
        assert "damaged" not in str(caught.value)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile.read", Mock(side_effect=pa.ArrowException("a page is cut")))
    with pytest.raises(InputError, match="damaged or changed by hand"):
        read_parquet(written)


def test_rows_come_back_in_the_order_asked_for(written):
    assert (read_probs(written, IDS[[2, 0, 1]], CLASSES) == PROBS[[2, 0, 1]]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.9])
def test_what_does_not_sum_to_one_is_refused_by_id(tmp_path, bad):
    probs = PROBS.copy()
    probs[1, 0] = bad
    with pytest.raises(InputError, match=r"id a sums to .*lower its lr"):
        write_probs(tmp_path / "p.parquet", IDS, probs, CLASSES)
    assert not list(tmp_path.iterdir())


def test_rounding_is_cut_off_and_more_than_rounding_is_refused(tmp_path):
    rounded = PROBS + np.array([[0, 0], [0, 0], [2e-7, -2e-7]])
    write_probs(tmp_path / "p.parquet", IDS, rounded, CLASSES)
    written = pd.read_parquet(tmp_path / "p.parquet").to_numpy()
    assert 0 <= written.min() <= written.max() <= 1
    with pytest.raises(InputError, match=r"id c from -0.0004 to 1.0004"):
        write_probs(tmp_path / "p.parquet", IDS, PROBS + np.array([[0, 0], [0, 0], [4e-4, -4e-4]]), CLASSES)


def test_a_confidence_is_never_more_than_one(tmp_path, dataset):
    """Also where ten experts are certain in float32, weighted as they come."""
    certain = [np.eye(2, dtype=np.float32)[[1, 0, 0]]] * 10
    naive = sum(np.float32(0.1) * table for table in certain)
    assert naive.max() > 1
    for probs in (naive, combine("mean", certain, np.full(10, 0.1, dtype=np.float32))):
        write_predictions(tmp_path / "mean", "test", IDS, probs.argmax(axis=1), probs, CLASSES)
        assert read_predictions(tmp_path / "mean", "test", dataset)["confidence"].tolist() == [1, 1, 1]
        assert read_preds(tmp_path / "mean", "test", dataset).tolist() == [1, 0, 0]


DAMAGES = {
    "3 rows do not sum to one, id b sums to 7": lambda table: table * 7,
    "1 rows do not sum to one, id a sums to nan": lambda table: table.assign(**{"10": [0.25, np.nan, 1]}),
    "id b from -0.5 to 1.5": lambda table: table.assign(**{"10": [-0.5, 0.5, 1], "40": [1.5, 0.5, 0]}),
    "duplicate id 'b'": lambda table: table.iloc[[0, 1, 2, 0]],
    "id 'c' is missing": lambda table: table.iloc[:2],
    "4 rows, expected 3, id 'd' is unknown": lambda table: pd.concat([table, table[:1].rename(index={"b": "d"})]),
    "its classes are 40, 10, those of the catalogue 10, 40": lambda table: table[["40", "10"]],
    "its columns are not all floats": lambda table: table.astype(str),
    "its index is None instead of 'id'": lambda table: table.reset_index(drop=True),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_a_changed_table_is_refused_with_its_fault_and_the_way_out(written, message):
    change(written, DAMAGES[message])
    with pytest.raises(InputError) as caught:
        read_probs(written, IDS, CLASSES)
    assert str(caught.value).startswith(f"{written}: ")
    assert message in str(caught.value)
    assert f"rm -r {written.parent}" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"not a table", b"PAR1" + bytes(60) + b"PAR1"])
def test_a_file_that_is_no_table_is_refused(written, content):
    if content is None:
        written.unlink()
    else:
        written.write_bytes(content)
    with pytest.raises(InputError, match=r"it (is missing|cannot be read as Parquet).[\s\S]*rm -r .*tfidf"):
        read_probs(written, IDS, CLASSES)


def test_any_damage_is_an_input_error_or_none(written):
    """A thousand files cut off or with a few wrong bytes: no traceback, no warning, no row that is no distribution."""
    rng, whole = np.random.default_rng(0), written.read_bytes()
    refused = 0
    for _ in range(1000):
        damaged = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.2 else whole)
        for index in rng.integers(len(damaged), size=rng.integers(1, 4)) if damaged else ():
            damaged[index] = rng.integers(256)
        written.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                probs = read_probs(written, IDS, CLASSES)
            except InputError:
                refused += 1
            else:
                assert np.allclose(probs.sum(axis=1), 1, atol=1e-3)
    assert refused > 500


@pytest.mark.parametrize(
    ("message", "damage"),
    [
        ("id a has the unknown label '60'", lambda table: table.assign(label=["10", "60", "10"])),
        ("id c has the confidence 1.5", lambda table: table.assign(confidence=[0.5, 0.5, 1.5])),
        ("id b has the confidence nan", lambda table: table.assign(confidence=[np.nan, 0.5, 0.5])),
        ("it has no column 'confidence'", lambda table: table[["label"]]),
        ("duplicate id 'a'", lambda table: table.iloc[[0, 1, 1]]),
        ("2 rows, expected 3, id 'b' is missing", lambda table: table[1:]),
    ],
)
def test_changed_decisions_are_refused(tmp_path, dataset, message, damage):
    """A label that is no class would count as unknown, and go unnoticed."""
    write_predictions(tmp_path, "test", IDS, PROBS.argmax(axis=1), PROBS, CLASSES)
    change(tmp_path / "test_preds.parquet", damage)
    with pytest.raises(InputError, match=f"test_preds.parquet: .*{message}"):
        read_preds(tmp_path, "test", dataset)


@pytest.mark.parametrize("content", ["", "[1]", "{", "null", "\ufeff{}", "[" * 100_000])
def test_facts_that_are_no_object_are_refused(tmp_path, content):
    (tmp_path / "job.json").write_text(content)
    with pytest.raises(InputError, match=r"job.json: it .*JSON"):
        read_json_object(tmp_path / "job.json")
    (tmp_path / "job.json").write_text(json.dumps({"run": "x"}))
    assert read_json_object(tmp_path / "job.json") == {"run": "x"}


def test_a_folder_where_a_file_should_be_is_missing(tmp_path):
    (tmp_path / "p.parquet").mkdir()
    with pytest.raises(InputError, match=r"p.parquet: it is missing"):
        read_parquet(tmp_path / "p.parquet")
