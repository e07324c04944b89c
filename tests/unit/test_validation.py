"""A broken submission is refused with a message of its own that names its lines."""

import re
from pathlib import Path

import pandas as pd
import pytest
from helpers.challenge import (
    CODES,
    ENS_GOOD,
    PREDICTIONS_GOOD,
    RANKED_GOOD,
    SIGIR_GOOD,
    SIGIR_LINES,
    change,
    write,
    write_challenge,
)

from latefusion.submission import ENS, SIGIR, validate_challenge, validate_predictions
from latefusion.utils.errors import InputError


def lines(*numbers: int) -> str:
    """Return these lines of the good SIGIR submission, from 1."""
    return "".join(SIGIR_LINES[number - 1] for number in numbers)


BROKEN_SIGIR = {
    # as text
    "empty": ("", ["line 1: the file is empty"]),
    "UTF-16": (SIGIR_GOOD.encode("utf-16"), ["line 1: the file is UTF-16"]),
    "Latin-1": (change("\t40\n", "\té\n").encode("latin-1"), ["not UTF-8", "line 4\n"]),
    "BOM": ("\ufeff" + SIGIR_GOOD, ["line 1: a byte order mark (BOM)"]),
    "CR LF": (change("\n", "\r\n"), ["end with CR LF", "line 1\n", "line 2\n", "line 4\n", "Unix line ends"]),
    "old Mac line ends": (change("\n", "\r"), ["Carriage returns within a line", "line 1\n"]),
    "blank line": (change("\t10\n", "\t10\n\n"), ["Blank lines", "line 3\n"]),
    "quoted cells": (change("7\t107", '"7"\t107'), ["Quoted cells", "line 3\n"]),
    "no line feed at the end": (SIGIR_GOOD.removesuffix("\n"), ["line 4: no line feed at the end"]),
    # its header
    "no header": (lines(2, 3, 4), ["line 1: a row instead of the header"]),
    "commas": (change("\t", ","), ["line 1: the cells are separated by commas, not by tabs"]),
    "other form": (change(SIGIR_LINES[0], ",prdtypecode\n"), ["line 1: the header is that of the ENS format"]),
    "missing column": (
        "Integer_id\tPrdtypecode\n8\t10\n",
        ["line 1: the header has the wrong columns", "no column 'Image_id'", "no column 'Product_id'"],
    ),
    "other case": (
        change("Prdtypecode", "prdtypecode"),
        ["line 1", "unknown column 'prdtypecode'; did you mean 'Prdtypecode'?"],
    ),
    "index of pandas": (change("Integer_id", "\tInteger_id"), ["line 1", "a column without a name (an index?)"]),
    "column twice": (change("Product_id", "Product_id\tProduct_id"), ["line 1", "'Product_id' occurs 2 times"]),
    "columns in ENS order": (
        change("Image_id\tProduct_id", "Product_id\tImage_id"),
        ["line 1: the header's columns are in another order: Integer_id, Product_id, Image_id, Prdtypecode"],
    ),
    # its cells
    "no rows": (SIGIR_LINES[0], ["line 1: no row follows the header"]),
    "number of cells": (change("\t207\t", "\t"), ["the wrong number of cells", "line 3: 3 instead of 4"]),
    "empty code": (change("\t2583\n", "\t\n"), ["Empty cells", "line 3: Prdtypecode ''"]),
    "empty id": (change("\n7\t", "\n\t"), ["Empty cells", "line 3: Integer_id ''"]),
    "spaces around a code": (change("\t2583\n", "\t2583 \n"), ["spaces around", "line 3: Prdtypecode '2583 '"]),
    "float code": (change("\t10\n", "\t10.0\n"), ["Floats", "line 2: Prdtypecode '10.0'", "Write 10, not 10.0"]),
    "float id": (change("\n7\t", "\n7.0\t"), ["Floats", "line 3: Integer_id '7.0'"]),
    "code that is no number": (change("\t10\n", "\tlivres\n"), ["not numbers", "line 2: Prdtypecode 'livres'"]),
    # its rows
    "too many rows": (SIGIR_GOOD + SIGIR_LINES[1], ["Too many rows: 4", "has 3 products", "line 5: id 8"]),
    "too few rows": (lines(1, 2, 3), ["mine.tsv, line 3: too few rows: 2", "x_test_task1_phase1.tsv, line 4: id 9"]),
    "unknown id": (change("\n7\t", "\n70\t"), ["x_test_task1_phase1.tsv does not hold", "line 3: id 70\n"]),
    "id twice": (lines(1, 2, 3, 3), ["more than once", "line 3: id 7", "line 4: id 7"]),
    "missing id": (lines(1, 2, 4), ["mine.tsv lacks (2 rows, 3 products)", "phase1.tsv, line 3: id 7"]),
    "another order": (lines(1, 3, 2, 4), ["in another order", "line 2: id 7, where id 8 is expected"]),
    "swapped ids": (change("107\t207", "207\t107"), ["image and product id are swapped", "line 3: id 7"]),
    "image of another": (
        change("107", "108"),
        ["the image_id of another", "line 3: id 7 has image_id 108 instead of 107"],
    ),
    "product of another": (change("207", "208"), ["the product_id of another", "line 3: id 7", "208 instead of 207"]),
    "unknown code": (
        change("\t10\n", "\t9999\n"),
        ["no training product has", "line 2: id 8 has '9999'", "10, 40, 2583"],
    ),
}
BROKEN_ENS = {
    "named first cell": (change(",prd", "id,prd", ENS_GOOD), ["line 1", "no empty first cell", "unknown column 'id'"]),
    "no first cell": ("prdtypecode\n2583\n10\n40\n", ["line 1", "no empty first cell (the ids have no name)"]),
    "quoted first cell": (change(",prd", '"",prd', ENS_GOOD), ["Quoted cells", "line 1\n"]),
    "semicolons": (change(",", ";", ENS_GOOD), ["line 1: the cells are separated by semicolons, not by commas"]),
    "columns of the products": (
        ",productid,imageid,prdtypecode\n5,205,105,2583\n",
        ["line 1", "unknown column 'productid'", "unknown column 'imageid'"],
    ),
    "other order": (
        "prdtypecode,\n2583,5\n",
        ["line 1: the header's columns are in another order: prdtypecode, (empty)"],
    ),
    "other form": (SIGIR_GOOD, ["line 1: the header is that of the SIGIR format instead of the ENS format"]),
    "BOM": ("\ufeff" + ENS_GOOD, ["line 1: a byte order mark"]),
    "CR LF": (change("4,10\n", "4,10\r\n", ENS_GOOD), ["end with CR LF", "line 3\n"]),
    "blank line": (ENS_GOOD + ",\n", ["Blank lines", "line 5\n"]),
    "number of cells": (change("4,10", "4,10,1", ENS_GOOD), ["line 3: 3 instead of 2", "separated by commas"]),
    "no line feed at the end": (ENS_GOOD + "7,10", ["line 5: no line feed at the end"]),
    "float code": (change("4,10\n", "4,1e1\n", ENS_GOOD), ["Floats", "line 3: prdtypecode '1e1'"]),
    "empty id": (change("4,10", ",10", ENS_GOOD), ["Empty cells", "line 3: id ''"]),
    "negative code": (change("4,10", "4,-10", ENS_GOOD), ["not numbers", "line 3: prdtypecode '-10'"]),
    "unknown id": (change("4,", "44,", ENS_GOOD), ["X_test_update.csv does not hold", "line 3: id 44"]),
    "missing id": (change("5,2583\n", "", ENS_GOOD), ["lacks", "X_test_update.csv, line 2: id 5"]),
    "sorted": (",prdtypecode\n4,10\n5,2583\n6,40\n", ["another order", "line 2: id 4, where id 5 is expected"]),
    "unknown code": (change("4,10", "4,010", ENS_GOOD), ["no training product has", "line 3: id 4 has '010'"]),
}
BROKEN_PREDICTIONS = {
    "header": (change("label", "class", PREDICTIONS_GOOD), ["line 1", "no column 'label'", "unknown column 'class'"]),
    "commas": ("id,label,confidence\na,books,0.5\n", ["line 1: the cells are separated by commas, not by tabs"]),
    "CR LF": (change("\n", "\r\n", PREDICTIONS_GOOD), ["end with CR LF", "line 1\n"]),
    "number of cells": (change("\nd\t", "\n", PREDICTIONS_GOOD), ["line 4: 2 cells"]),
    "open quote": (change('"b\tc"', '"b\tc', PREDICTIONS_GOOD), ["line 3: the quotes do not match"]),
    "unknown id": (change("\nd\t", "\nx\t", PREDICTIONS_GOOD), ["test split does not hold", "line 4: id x"]),
    "too few rows": (change("d\tbooks\t0.000000\n", "", PREDICTIONS_GOOD), ["line 3: too few rows: 2", "id d"]),
    "empty label": (change("toys", "", PREDICTIONS_GOOD), ["without a label", "line 3: id b\tc"]),
    "unknown label": (change("toys", "toy", PREDICTIONS_GOOD), ["no training product has", "line 3", "has 'toy'"]),
    "confidence": (
        change("1.000000", "1.5", PREDICTIONS_GOOD).replace("0.000000", "nan"),
        ["not numbers from 0 to 1", "line 3: id b\tc has '1.5'", "line 4: id d has 'nan'"],
    ),
}
BROKEN_RANKED = {
    "missing column": (
        change("\tlabel_3\tconfidence_3", "\tconfidence_3", RANKED_GOOD),
        ["line 1: the header has the wrong columns", "no column 'label_3'"],
    ),
    "other order": (
        change("label_2\tconfidence_2", "confidence_2\tlabel_2", RANKED_GOOD),
        ["line 1: the header's columns are in another order: id, label, confidence, confidence_2, label_2"],
    ),
    "unknown second label": (
        change("toys\t0.3", "toy\t0.3", RANKED_GOOD),
        ["Labels (label_2) that no training product has", "line 2: id a has 'toy'"],
    ),
    "no third label": (
        change("lamps\t0.1", "\t0.1", RANKED_GOOD),
        ["without a label (label_3)", "line 2: id a"],
    ),
    "second confidence": (
        change("toys\t0.300000", "toys\t30 %", RANKED_GOOD),
        ["not numbers from 0 to 1 (label_2)", "line 2: id a has '30 %'"],
    ),
    "rising confidence": (
        change("books\t0.200000", "books\t0.500000", RANKED_GOOD),
        ["in the wrong order", "line 3: id b\tc has a higher confidence_3 than confidence_2"],
    ),
    "class twice": (
        change("d\tbooks\t1.000000\ttoys", "d\tbooks\t1.000000\tbooks", RANKED_GOOD),
        ["the same label and label_2", "line 4: id d"],
    ),
    "unknown split": (
        change("\ttest\n", "\tvalid\n", RANKED_GOOD),
        ["Unknown splits", "line 2: id a has 'valid'", "Write test"],
    ),
}


@pytest.fixture
def root(tmp_path) -> Path:
    """The folder of the challenge's files, in both layouts: a validator needs the test files and the known codes."""
    return write_challenge(tmp_path / "challenge")


def refusal(path: Path, content: str | bytes, validate) -> str:
    write(path, content)
    with pytest.raises(InputError) as caught:
        validate(path)
    return str(caught.value)


def sigir_refusal(root: Path, content: str | bytes) -> str:
    test_file = root / "x_test_task1_phase1.tsv"
    return refusal(root / "mine.tsv", content, lambda path: validate_challenge(path, SIGIR, test_file, CODES))


def ens_refusal(root: Path, content: str | bytes) -> str:
    test_file = root / "X_test_update.csv"
    return refusal(root / "mine.csv", content, lambda path: validate_challenge(path, ENS, test_file, CODES))


def predictions_refusal(root: Path, content: str | bytes) -> str:
    ids = pd.Index(["a", "b\tc", "d"])
    return refusal(root / "mine.tsv", content, lambda path: validate_predictions(path, ids, ["books", "toys", "lamps"]))


TABLES = [(BROKEN_SIGIR, sigir_refusal), (BROKEN_ENS, ens_refusal), (BROKEN_PREDICTIONS, predictions_refusal)]
TABLES.append((BROKEN_RANKED, predictions_refusal))
CASES = [pytest.param(*broken[how], refuse, id=how) for broken, refuse in TABLES for how in broken]


@pytest.mark.parametrize(("content", "expected", "refuse"), CASES)
def test_a_broken_submission_is_refused_by_its_lines(root, content, expected, refuse):
    message = refuse(root, content)
    for part in [*expected, "line "]:
        assert part in message


@pytest.mark.parametrize(("broken", "refuse"), TABLES, ids=["sigir", "ens", "predictions", "ranked"])
def test_every_fault_has_words_of_its_own(root, broken, refuse):
    messages = {how: re.sub("[0-9]+", "#", refuse(root, content)) for how, (content, _) in broken.items()}
    assert len(set(messages.values())) == len(broken)


@pytest.mark.parametrize(
    "good",
    [
        PREDICTIONS_GOOD,
        RANKED_GOOD,
        re.sub(r"\t(label_3\tconfidence_3|\w+\t[0-9.]+)(?=\t(split|test|new)\n)", "", RANKED_GOOD),  # two classes
    ],
    ids=["short", "three classes", "two classes"],
)
def test_predictions_are_accepted_with_their_next_classes_and_without(tmp_path, good):
    path = write(tmp_path / "mine.tsv", good)
    rows = validate_predictions(path, pd.Index(["a", "b\tc", "d"]), ["books", "toys", "lamps"])
    assert list(rows) == good.splitlines()[0].split("\t")
    assert rows["label"].tolist() == ["books", "toys", "books"]


SEVERAL_GOOD = (
    "id\tlabel\tconfidence\tconfidences\tnext_labels\tnext_confidences\tsplit\n"
    "a\tbooks|toys\t0.900000\t0.900000|0.700000\tlamps\t0.100000\ttest\n"
    '"b\tc"\ttoys\t0.400000\t0.400000\tlamps|books\t0.300000|0.300000\tnew\n'
    "d\tlamps|books|toys\t1.000000\t1.000000|0.800000|0.500000\t\t\tnew\n"
)
SEVERAL_SHORT = 'id\tlabel\tconfidence\na\tbooks|toys\t0.9\n"b\tc"\ttoys\t0.4\nd\tlamps\t1\n'
BROKEN_SEVERAL = {
    "unknown label": (("books|toys", "books|boots"), ["line 2: id a has 'boots'", "Labels (label, separated by '|')"]),
    "unknown next": (("lamps|books\t0.3", "lamps|boots\t0.3"), ["line 3: id b", "has 'boots'", "next_labels"]),
    "another separator": (("books|toys", "books;toys"), ["id a has 'books;toys'", "separated by '|'"]),
    "label twice": (("lamps|books|toys", "lamps|books|lamps"), ["occur twice", "line 4: id d has 'lamps'"]),
    "label again": (("\tlamps\t0.1", "\ttoys\t0.1"), ["in next_labels", "line 2: id a has 'toys'"]),
    "separator at the end": (("books|toys", "books|"), ["Empty labels", "line 2: id a"]),
    "no label": (("\ttoys\t0.4", "\t\t0.4"), ["Predictions without a label", "line 3: id b"]),
    "too few confidences": (("0.900000|0.700000", "0.900000"), ["id a has 1 confidences for 2 label"]),
    "too many confidences": (("lamps\t0.100000", "lamps\t0.1|0.1"), ["id a has 2 next_confidences for 1 next_labels"]),
    "no confidences": (("1.000000|0.800000|0.500000", ""), ["id d has 0 confidences for 3 label"]),
    "above one": (("0.900000|0.7", "0.900000|1.7"), ["not numbers from 0 to 1 (confidences)", "id a has '1.700000'"]),
    "a word": (("0.800000|0.5", "0.800000|much|0.5"), ["id d has"]),
    "not a number": (("\t0.400000\t0.4", "\tmuch\t0.4"), ["(confidence)", "id b", "has 'much'"]),
    "rising": (("1.000000|0.800000|0.500000", "1.000000|0.500000|0.800000"), ["rise", "line 4: id d"]),
    "rising next": (("0.300000|0.300000", "0.200000|0.300000"), ["rise in the column next_confidences", "line 3"]),
    "two first confidences": (("0.900000|0.7", "0.800000|0.7"), ["not the first of confidences", "line 2: id a"]),
    "split": (("\ttest\n", "\tvalid\n"), ["Unknown splits", "id a has 'valid'"]),
    "another order": (("d\tlamps", "e\tlamps"), ["line 4: id e"]),
    "columns of one label": (("next_labels", "label_2"), ["unknown column 'label_2'"]),
}


def validate_several(path: Path) -> pd.DataFrame:
    return validate_predictions(path, pd.Index(["a", "b\tc", "d"]), ["books", "lamps", "toys"], separator="|")


@pytest.mark.parametrize("content", [SEVERAL_GOOD, SEVERAL_SHORT])
def test_predictions_of_several_labels_are_valid(tmp_path, content):
    rows = validate_several(write(tmp_path / "predictions.tsv", content))
    assert rows["label"].str.count(r"\|").sum() in (1, 3)


@pytest.mark.parametrize(("edit", "expected"), BROKEN_SEVERAL.values(), ids=BROKEN_SEVERAL)
def test_broken_predictions_of_several_labels_are_refused(tmp_path, edit, expected):
    path = write(tmp_path / "predictions.tsv", change(*edit, SEVERAL_GOOD))
    with pytest.raises(InputError) as caught:
        validate_several(path)
    for part in expected:
        assert part in str(caught.value)


def test_predictions_of_several_labels_are_not_valid_for_one(tmp_path):
    path = write(tmp_path / "predictions.tsv", SEVERAL_GOOD)
    with pytest.raises(InputError, match="the header"):
        validate_predictions(path, pd.Index(["a", "b\tc", "d"]))
