"""The validating script run alone: submissions, test files and labels that are accepted or refused."""

import re
from pathlib import Path

import pandas as pd
import pytest
from helpers.challenge import ENS_GOOD, PREDICTIONS_GOOD, SIGIR_GOOD, change, write, write_challenge
from helpers.configs import tiny_config
from helpers.workspace import Workspace

from latefusion.config import CatalogueConfig
from latefusion.submission import write_submissions


@pytest.fixture
def root(tmp_path) -> Path:
    """The folder of the challenge's files, in both layouts: a validator needs the test files and the known codes."""
    return write_challenge(tmp_path / "challenge")


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
    assert "run src/09_predict.py --config" in complaint(workspace, capsys)
    mine = write(workspace.folder / "mine.tsv", PREDICTIONS_GOOD)
    assert "the products that mine.tsv must contain are not known: run src/01_prepare.py --config" in complaint(
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


def test_the_name_decides_the_phase(alone, capsys):
    path = write(alone.folder / "y_test_task1_phase2_pred.tsv", SIGIR_GOOD)
    assert "Ids that x_test_task1_phase2.tsv does not hold" in complaint(alone, capsys, path)


def test_a_wrong_name_is_refused_unless_the_test_file_is_given(alone, root, capsys):
    path = write(alone.folder / "mine.tsv", SIGIR_GOOD)
    names = "y_test_task1_phase1_pred.tsv and y_test_task1_phase2_pred.tsv"
    assert f"mine.tsv: the challenge takes {names}, no other name" in complaint(alone, capsys, path)
    told = accepted(alone, capsys, path, "--test", root / "x_test_task1_phase1.tsv")
    assert told == [f"ok: {path} (3 rows); the challenge takes it as y_test_task1_phase1_pred.tsv"]


def test_the_test_files_header_decides_the_challenge_whatever_the_config(alone, root, capsys):
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
        ([], "y_test_task1_phase2_pred.tsv not found: run src/09_predict.py --config"),
    ],
)
def test_what_is_missing_is_named(alone, capsys, arguments, message):
    assert message in complaint(alone, capsys, *arguments)
