"""A broken submission is refused in words of its own, by its lines; what the writers write passes."""

import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import Workspace, tiny_config

from latefusion.config import CatalogueConfig
from latefusion.submission import ENS, SIGIR, validate_challenge, validate_predictions, write_submissions
from latefusion.utils.errors import InputError

CODES = ["10", "40", "2583"]
SIGIR_TEST = (
    "Integer_id\tTitle\tDescription\tImage_id\tProduct_id\n"
    "8\tLivre\t\t108\t208\n7\tJeu\t\t107\t207\n9\tPiscine\t\t109\t209\n"
)
SIGIR_TEST_2 = "Integer_id\tTitle\tDescription\tImage_id\tProduct_id\n11\tPelle\t\t111\t211\n9\tPiscine\t\t109\t209\n"
SIGIR_GOOD = "Integer_id\tImage_id\tProduct_id\tPrdtypecode\n8\t108\t208\t10\n7\t107\t207\t2583\n9\t109\t209\t40\n"
SIGIR_LINES = SIGIR_GOOD.splitlines(keepends=True)
ENS_TEST = ',designation,description,productid,imageid\n5,"Jeu, neuf",,205,105\n4,Livre,,204,104\n6,Lampe,,206,106\n'
ENS_GOOD = ",prdtypecode\n5,2583\n4,10\n6,40\n"
PREDICTIONS_GOOD = 'id\tlabel\tconfidence\na\tbooks\t0.500000\n"b\tc"\ttoys\t1.000000\nd\tbooks\t0.000000\n'


def change(old: str, new: str, good: str = SIGIR_GOOD) -> str:
    assert old in good
    return good.replace(old, new)


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
    "other form": (change(SIGIR_LINES[0], ",prdtypecode\n"), ["line 1: the header is that of the ENS form"]),
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
    "other form": (SIGIR_GOOD, ["line 1: the header is that of the SIGIR form instead of the ENS form"]),
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


@pytest.fixture
def root(tmp_path) -> Path:
    """The folder of the challenge's files, in both layouts: a validator needs the test files and the known codes."""
    folder = tmp_path / "challenge"
    folder.mkdir()
    (folder / "x_test_task1_phase1.tsv").write_text(SIGIR_TEST)
    (folder / "x_test_task1_phase2.tsv").write_text(SIGIR_TEST_2)
    (folder / "X_test_update.csv").write_text(ENS_TEST)
    rows = [(number, number + 100, number + 200, code) for number, code in enumerate(CODES)]
    labels = [SIGIR_LINES[0], *("\t".join(map(str, row)) + "\n" for row in rows)]
    (folder / "Y_train.tsv").write_text("".join(labels))
    (folder / "Y_train_CVw08PX.csv").write_text(
        ",prdtypecode\n" + "".join(f"{number},{code}\n" for number, _, _, code in rows)
    )
    return folder


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


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
    return refusal(root / "mine.tsv", content, lambda path: validate_predictions(path, ids, ["books", "toys"]))


TABLES = [(BROKEN_SIGIR, sigir_refusal), (BROKEN_ENS, ens_refusal), (BROKEN_PREDICTIONS, predictions_refusal)]
CASES = [pytest.param(*broken[how], refuse, id=how) for broken, refuse in TABLES for how in broken]


@pytest.mark.parametrize(("content", "expected", "refuse"), CASES)
def test_a_broken_submission_is_refused_by_its_lines(root, content, expected, refuse):
    message = refuse(root, content)
    for part in [*expected, "line "]:
        assert part in message


@pytest.mark.parametrize(("broken", "refuse"), TABLES, ids=["sigir", "ens", "predictions"])
def test_every_fault_has_words_of_its_own(root, broken, refuse):
    messages = {how: re.sub("[0-9]+", "#", refuse(root, content)) for how, (content, _) in broken.items()}
    assert len(set(messages.values())) == len(broken)


# ---- the script run alone


@pytest.fixture
def alone(workspace, root) -> Workspace:
    """A config about the challenge's files, with nothing prepared or trained."""
    config = tiny_config()
    config["catalogue"] = {"format": "sigir", "root": str(root)}
    workspace.write_config(config)
    return workspace


def accepted(workspace: Workspace, capsys, *arguments: str | Path) -> list[str]:
    workspace.run("10_validate.py", *map(str, arguments))
    return capsys.readouterr().out.splitlines()


def complaint(workspace: Workspace, capsys, *arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as stop:
        workspace.run("10_validate.py", *map(str, arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err


def decide(labels: dict[str, str]) -> pd.DataFrame:
    index = pd.Index(labels, name="id", dtype="str")
    return pd.DataFrame({"label": pd.Series(labels.values(), index, dtype="str"), "confidence": 0.5}, index)


def submit(catalogue: CatalogueConfig, labels: dict[str, str], out_dir: Path) -> list[Path]:
    return write_submissions(catalogue, decide(labels), out_dir, pd.Series("submit", index=list(labels)))


@pytest.mark.parametrize("layout", ["sigir", "ens"])
def test_what_the_writers_write_is_accepted(alone, root, capsys, layout):
    labels = {"sigir": {"8": "10", "7": "2583", "9": "40", "11": "10"}, "ens": {"4": "10", "5": "40", "6": "40"}}[
        layout
    ]
    paths = submit(CatalogueConfig(format=layout, root=root), labels, alone.folder / "submissions/tiny")
    told = accepted(alone, capsys, "--set", f"catalogue.format={layout}")
    rows = {"sigir": [3, 2], "ens": [3]}[layout]
    assert told == [f"ok: submissions/tiny/{path.name} ({n} rows)" for path, n in zip(paths, rows, strict=True)]


def test_the_predictions_of_a_table_are_accepted_and_another_tables_are_not(workspace, capsys):
    config = {key: value for key, value in tiny_config().items() if key not in ("sample", "denoise")}
    config["catalogue"] = {"format": "table", "root": "shop", "columns": {"description": None, "image": None}}
    config["split"] = {"valid_fraction": 0.2, "test_fraction": 0.2}
    config["experts"] = {"tfidf": {"kind": "tfidf"}}
    config["policies"] = {"one_layer": {"experts": ["tfidf"], "n_folds": 3}}
    workspace.write_config(config)
    rows = [f"p{n},lamp {n},{('lamps', 'red tables')[n % 2]}\n" for n in range(40)]
    write(workspace.folder / "shop/products.csv", "id,title,label\n" + "".join(rows))
    assert "run src/09_predict.py first" in complaint(workspace, capsys)
    mine = write(workspace.folder / "mine.tsv", PREDICTIONS_GOOD)
    assert "the products that mine.tsv must contain are not known: run src/01_prepare.py first" in complaint(
        workspace, capsys, mine
    )
    workspace.run("01_prepare.py")
    products = pd.read_parquet(workspace.run_root / "catalogue/products.parquet")
    held_out = products.index[products["split"] == "test"]
    submit(
        CatalogueConfig(format="table", root="shop"),
        dict.fromkeys(held_out, "lamps"),
        workspace.folder / "submissions/tiny",
    )
    assert accepted(workspace, capsys) == [f"ok: submissions/tiny/predictions.tsv ({len(held_out)} rows)"]
    assert "mine.tsv, line 2: id a" in complaint(workspace, capsys, mine)
    assert "--codes is only for files of a challenge" in complaint(workspace, capsys, mine, "--codes", mine)


def test_the_submission_of_a_run_is_accepted_and_a_broken_one_ends_with_status_2(trained_run, tmp_path, capsys):
    names = [f"y_test_task1_phase{phase}_pred.tsv" for phase in (1, 2)]
    assert [line.split(" (")[0] for line in accepted(trained_run, capsys)] == [
        f"ok: submissions/tiny/{n}" for n in names
    ]
    good = [(trained_run.folder / "submissions/tiny" / name).read_text() for name in names]
    broken = write(tmp_path / names[1], re.sub("[0-9]+\n", "9999\n", good[1], count=1))
    intact = write(tmp_path / names[0], good[0])
    assert f"{names[1]}, line 2: id" in complaint(trained_run, capsys, broken)
    assert "has '9999'" in complaint(trained_run, capsys, broken, intact)
    with pytest.raises(SystemExit):
        trained_run.run("10_validate.py", str(broken), str(intact))
    told = capsys.readouterr()
    assert told.out.startswith(f"ok: {intact}")
    assert "Codes that no training product has" in told.err


def test_all_refused_files_are_named_at_once(alone, capsys):
    paths = [write(alone.folder / f"y_test_task1_phase{phase}_pred.tsv", SIGIR_GOOD + "\n") for phase in (1, 2)]
    found = complaint(alone, capsys, *paths)
    assert "y_test_task1_phase1_pred.tsv, line 5" in found
    assert "y_test_task1_phase2_pred.tsv, line 5" in found


def test_the_name_tells_the_phase(alone, capsys):
    path = write(alone.folder / "y_test_task1_phase2_pred.tsv", SIGIR_GOOD)
    assert "Ids that x_test_task1_phase2.tsv does not hold" in complaint(alone, capsys, path)


def test_a_wrong_name_is_refused_unless_the_test_file_is_given(alone, root, capsys):
    path = write(alone.folder / "mine.tsv", SIGIR_GOOD)
    names = "y_test_task1_phase1_pred.tsv and y_test_task1_phase2_pred.tsv"
    assert f"mine.tsv: the challenge takes {names}, no other name" in complaint(alone, capsys, path)
    told = accepted(alone, capsys, path, "--test", root / "x_test_task1_phase1.tsv")
    assert told == [f"ok: {path} (3 rows); the challenge takes it as y_test_task1_phase1_pred.tsv"]


def test_the_test_files_header_tells_the_challenge_whatever_the_page(alone, root, capsys):
    path = write(alone.folder / "mine.csv", ENS_GOOD)
    test_file = root / "X_test_update.csv"
    assert accepted(alone, capsys, path, "--test", test_file) == [f"ok: {path} (3 rows)"]
    found = complaint(alone, capsys, path, "--test", root / "Y_train.tsv")
    assert "Y_train.tsv, line 1: the header is that of neither SIGIR nor ENS test files" in found


def test_codes_are_compared_with_the_labels_that_are_given_or_said_not_to_be(alone, root, capsys):
    path = write(alone.folder / "y_test_task1_phase1_pred.tsv", change("\t10\n", "\t9999\n"))
    labels = (root / "Y_train.tsv").rename(alone.folder / "labels.tsv")
    note = "codes not compared: no Y_train.tsv beside x_test_task1_phase1.tsv"
    assert accepted(alone, capsys, path) == [f"ok: {path} (3 rows); {note}"]
    assert "line 2: id 8 has '9999'" in complaint(alone, capsys, path, "--codes", labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--test", "x_test_task1_phase1.tsv"], "--test: name the FILE to check against it"),
        (["mine.tsv", "--test", "none.tsv"], "--test none.tsv: the file does not exist"),
        (["y_test_task1_phase1_pred.tsv", "--codes", "none.tsv"], "--codes none.tsv: the file does not exist"),
        (["y_test_task1_phase1_pred.tsv"], "y_test_task1_phase1_pred.tsv: cannot be read: No such file"),
        (["y_test_task1_phase1_pred.tsv", "--set", "catalogue.root=none"], "x_test_task1_phase1.tsv not found"),
        ([], "y_test_task1_phase2_pred.tsv not found: run src/09_predict.py first"),
    ],
)
def test_what_is_missing_is_named(alone, capsys, arguments, message):
    assert message in complaint(alone, capsys, *arguments)
