"""A submission is what the challenge accepts, or it is not written."""

from pathlib import Path

import pandas as pd
import pytest

from latefusion.config import CatalogueConfig
from latefusion.submission import Challenge, write_submissions
from latefusion.utils.errors import InputError

X_HEADER = "Integer_id\tTitle\tDescription\tImage_id\tProduct_id\n"
PHASE_1 = X_HEADER + "8\tLivre\t\t108\t208\n7\tJeu\t\t107\t207\n"
PHASE_2 = X_HEADER + "9\tPiscine\t\t109\t209\n7\tJeu\t\t107\t207\n"
GOOD_1 = "Integer_id\tImage_id\tProduct_id\tPrdtypecode\n8\t108\t208\t10\n7\t107\t207\t2583\n"
GOOD_2 = "Integer_id\tImage_id\tProduct_id\tPrdtypecode\n9\t109\t209\t40\n7\t107\t207\t2583\n"
ENS_TEST = ',designation,description,productid,imageid\n5,"Jeu, neuf",,205,105\n4,Livre,,204,104\n'
ENS_GOOD = ",prdtypecode\n5,2583\n4,10\n"


def sigir(root: Path) -> CatalogueConfig:
    return CatalogueConfig(format="sigir", root=root)


def splits_of(ids: list[str], split: str = "submit") -> pd.Series:
    return pd.Series(["train", "valid", *[split] * len(ids)], index=["0", "1", *ids], dtype="str")


def predict(labels: dict[str, str], confidence: float = 0.5) -> pd.DataFrame:
    index = pd.Index(labels, name="id", dtype="str")
    return pd.DataFrame({"label": pd.Series(labels.values(), index, dtype="str"), "confidence": confidence}, index)


@pytest.fixture
def root(tmp_path) -> Path:
    """A SIGIR catalogue's folder: the submission needs its test files alone."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "x_test_task1_phase1.tsv").write_text(PHASE_1)
    (folder / "x_test_task1_phase2.tsv").write_text(PHASE_2)
    return folder


def refused(*args) -> str:
    with pytest.raises(InputError) as caught:
        write_submissions(*args)
    return str(caught.value)


def test_sigir_gets_one_file_per_phase_byte_for_byte(root, tmp_path):
    predictions = predict({"7": "2583", "9": "40", "8": "10"})
    paths = write_submissions(sigir(root), predictions, tmp_path / "out", splits_of(["7", "8", "9"]))
    assert [path.name for path in paths] == ["y_test_task1_phase1_pred.tsv", "y_test_task1_phase2_pred.tsv"]
    assert [path.read_bytes().decode() for path in paths] == [GOOD_1, GOOD_2]
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())


def test_sigir_with_one_phase_gets_one_file(root, tmp_path):
    (root / "x_test_task1_phase1.tsv").unlink()
    predictions = predict({"7": "2583", "9": "40"})
    (path,) = write_submissions(sigir(root), predictions, tmp_path, splits_of(["9", "7"]))
    assert path.read_text() == GOOD_2


def test_ens_gets_its_file_byte_for_byte(tmp_path):
    (tmp_path / "X_test_update.csv").write_text(ENS_TEST)
    catalogue = CatalogueConfig(format="ens", root=tmp_path)
    (path,) = write_submissions(catalogue, predict({"4": "10", "5": "2583"}), tmp_path, splits_of(["4", "5"]))
    assert path == tmp_path / "y_test_pred.csv"
    assert path.read_bytes().decode() == ENS_GOOD


@pytest.mark.parametrize("layout", ["table", "sigir", "ens"])
def test_without_a_test_file_all_predictions_are_written_in_catalogue_order(tmp_path, layout):
    catalogue = CatalogueConfig(format=layout, root=tmp_path)
    predictions = predict({"a": "1", "b": "2"}, confidence=2 / 3)
    (path,) = write_submissions(catalogue, predictions, tmp_path / "out", splits_of(["b", "a"], "test"))
    assert path.name == "predictions.tsv"
    assert path.read_bytes() == b"id\tlabel\tconfidence\nb\t2\t0.666667\na\t1\t0.666667\n"


def ranked(labels: dict[str, str], n_classes: int) -> pd.DataFrame:
    """Predictions with the next classes, as the submission has them."""
    table = predict(labels, 0.5)
    for rank in range(2, n_classes + 1):
        table[f"label_{rank}"], table[f"confidence_{rank}"] = f"other {rank}", 0.5 / rank
    return table


def test_the_next_classes_are_written_and_new_products_are_told_from_held_out_ones(tmp_path):
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    splits = pd.concat([splits_of(["new"]), pd.Series({"held out": "test"})])
    (path,) = write_submissions(catalogue, ranked({"held out": "x", "new": "y"}, 3), tmp_path / "three", splits)
    assert path.read_text() == (
        "id\tlabel\tconfidence\tlabel_2\tconfidence_2\tlabel_3\tconfidence_3\tsplit\n"
        "new\ty\t0.500000\tother 2\t0.250000\tother 3\t0.166667\tnew\n"
        "held out\tx\t0.500000\tother 2\t0.250000\tother 3\t0.166667\ttest\n"
    )
    (path,) = write_submissions(catalogue, ranked({"held out": "x", "new": "y"}, 2), tmp_path / "two", splits)
    assert path.read_text().splitlines() == [
        "id\tlabel\tconfidence\tlabel_2\tconfidence_2\tsplit",
        "new\ty\t0.500000\tother 2\t0.250000\tnew",
        "held out\tx\t0.500000\tother 2\t0.250000\ttest",
    ]


def test_a_challenge_gets_the_same_bytes_whatever_the_next_classes(root, tmp_path):
    labels = {"7": "2583", "9": "40", "8": "10"}
    paths = write_submissions(sigir(root), ranked(labels, 3), tmp_path / "out", splits_of(["7", "8", "9"]))
    assert [path.read_bytes().decode() for path in paths] == [GOOD_1, GOOD_2]


@pytest.mark.parametrize("odd", ["label_2", "label_3"])
def test_a_next_class_that_no_table_can_hold_is_refused_too(tmp_path, odd):
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    predictions = ranked({"a": "x"}, 3).assign(**{odd: "y\rz"})
    assert "carriage return" in refused(catalogue, predictions, tmp_path / "out", splits_of(["a"]))


def test_odd_ids_and_labels_survive_being_written(tmp_path):
    labels = {"a\tb": 'said "x"', 'say "hi"': "two\nlines", "NA": "null", " c ": "é,;"}
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    (path,) = write_submissions(catalogue, predict(labels), tmp_path, splits_of(list(labels)))
    read = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    assert dict(zip(read["id"], read["label"], strict=True)) == labels


@pytest.mark.parametrize("labels", [{"a\rb": "x"}, {"a\rb": "x\ry"}, {"a": "x\r"}])
def test_what_no_table_can_carry_is_refused_by_name(tmp_path, labels):
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    assert f"id {next(iter(labels))}" in refused(catalogue, predict(labels), tmp_path, splits_of(list(labels)))
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_predict_writes_nothing(tmp_path):
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    assert write_submissions(catalogue, predict({}), tmp_path / "out", splits_of([])) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("labels", "ids", "expected"),
    [
        ({"7": "10", "8": "10"}, ["7", "8", "9"], ["id 9", "without a prediction"]),
        ({"7": "10", "8": "10"}, ["7", "8"], ["id 9", "test file without a prediction"]),
        ({"7": "10", "8": "10", "9": "40", "x": "1"}, ["7", "8", "9"], ["id x", "not in the test split"]),
        ({"7": "10", "8": "livres", "9": "40"}, ["7", "8", "9"], ["id 8 has 'livres'", "whole numbers"]),
        ({"7": "10", "8": "10.0", "9": "40"}, ["7", "8", "9"], ["id 8 has '10.0'"]),
        ({"7": "10", "8": None, "9": "40"}, ["7", "8", "9"], ["id 8", "without a label"]),
    ],
)
def test_predictions_that_do_not_fit_are_refused_and_older_files_stay(root, tmp_path, labels, ids, expected):
    out_dir = tmp_path / "out"
    out_dir.mkdir()
    (out_dir / "y_test_task1_phase1_pred.tsv").write_text(GOOD_1)
    found = refused(sigir(root), predict(labels), out_dir, splits_of(ids))
    for part in expected:
        assert part in found
    assert [path.name for path in out_dir.iterdir()] == ["y_test_task1_phase1_pred.tsv"]
    assert (out_dir / "y_test_task1_phase1_pred.tsv").read_text() == GOOD_1


@pytest.mark.parametrize(("confidence", "written"), [(1.0000001, "1.000000"), (-1e-7, "0.000000")])
def test_rounding_of_a_confidence_is_cut_off(tmp_path, confidence, written):
    catalogue = CatalogueConfig(format="table", root=tmp_path, products="products.csv")
    [path] = write_submissions(catalogue, predict({"a": "x"}, confidence), tmp_path / "out", splits_of(["a"]))
    assert path.read_text().splitlines()[1] == f"a\tx\t{written}"


@pytest.mark.parametrize("confidence", [-0.1, 1.1, 1.00001, float("nan")])
def test_confidence_is_within_0_and_1(tmp_path, confidence):
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    assert "id a" in refused(catalogue, predict({"a": "x"}, confidence), tmp_path, splits_of(["a"]))


def test_a_product_predicted_twice_is_refused(tmp_path):
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    twice = pd.concat([predict({"a": "x"}), predict({"a": "y"})])
    assert "id a" in refused(catalogue, twice, tmp_path, splits_of(["a"]))


def test_a_failed_check_removes_the_partial_file_and_keeps_the_older_one(root, tmp_path, monkeypatch):
    (tmp_path / "y_test_task1_phase1_pred.tsv").write_text("older")
    monkeypatch.setattr("latefusion.submission.writers.validate_challenge", reject)
    before = sorted(tmp_path.iterdir())
    labels = predict({"7": "2583", "9": "40", "8": "10"})
    assert "rejected" in refused(sigir(root), labels, tmp_path, splits_of(["7", "8", "9"]))
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "y_test_task1_phase1_pred.tsv").read_text() == "older"


def reject(path: Path, challenge: Challenge, test_file: Path) -> None:
    assert path.name.endswith(".partial")
    assert path.exists()
    raise InputError("rejected")
