"""`make compare`: our scripts and their time, AutoGluon in an environment of its own, and the whole command."""

import json
import runpy
import shutil
import sys
import time
from pathlib import Path

import compare
import pandas as pd
import pytest
from autogluon_run import AutoGluon, installed_version, run_limited
from helpers.autogluon import count_fits, make_environment
from helpers.tables import shop_products, table_config, write_table

from latefusion.utils.errors import InputError

TOLD = "autogluon/model/told.json"


@pytest.fixture
def python(tmp_path: Path, monkeypatch) -> Path:
    """The Python of an environment that looks like AutoGluon's; the weights are wherever they are found."""
    monkeypatch.setattr("autogluon_run.find_encoder", lambda model: str(tmp_path))
    monkeypatch.setattr("autogluon_run.find_timm", lambda model: None)
    return make_environment(tmp_path / "environment")


@pytest.fixture
def products() -> pd.DataFrame:
    rows = [(f"{number:03d}", word, word.upper()) for number, word in enumerate(["lamp", "shoe", "mug"] * 4)]
    table = pd.DataFrame(rows, columns=["id", "title", "label"]).set_index("id")
    return table.assign(description=None, image=[*["a.jpg"] * 6, *[None] * 6])


def autogluon(python: Path | None, minutes: float = 30, **hyperparameters) -> AutoGluon:
    return AutoGluon(python, minutes, hyperparameters, "make compare CATALOGUE=shop")


def test_autogluon_trains_once_on_the_train_products_and_predicts_the_test_products(python, products, tmp_path):
    train, test, folder = products.iloc[:9], products.iloc[:8:-1], tmp_path / "autogluon"
    outcome = autogluon(python, **{"optim.lr": 0.1})(train, test, tmp_path, folder, 7)
    assert outcome.labels.tolist() == test["label"].tolist()
    assert outcome.seconds.wall > 0
    assert outcome.seconds.cpu > 0
    assert "autogluon.multimodal 1.6.3" in outcome.note
    assert "optim.lr=0.1" in outcome.note
    assert "weights sentence-transformers/all-MiniLM-L6-v2 and tf_efficientnet_lite0.in1k" in outcome.note
    assert "stopped" not in outcome.note
    told = json.loads((tmp_path / TOLD).read_text())
    assert (told["columns"], told["problem"], told["rows"]) == (["title", "image", "label"], "multiclass", 9)
    assert told["types"] == {"title": "text", "image": "image_path"}
    assert (told["seed"], told["time_limit"]) == (7, 1800)
    assert told["hyperparameters"]["model.hf_text.checkpoint_name"] == str(tmp_path)
    again = autogluon(python, minutes=30.0, **{"optim.lr": 0.1})(train, test, tmp_path, folder, 7)
    assert (again.labels.tolist(), again.seconds) == (outcome.labels.tolist(), outcome.seconds)
    assert count_fits(python) == 1
    autogluon(python, **{"optim.lr": 0.2})(train, test, tmp_path, folder, 7)
    autogluon(python, **{"optim.lr": 0.2})(train[1:], test, tmp_path, folder, 7)
    assert count_fits(python) == 3


def test_a_training_that_its_limit_has_stopped_is_named(python, products, tmp_path):
    outcome = autogluon(python, minutes=0.001, sleep=0.1)(products, products, tmp_path, tmp_path / "autogluon", 7)
    assert outcome.labels.tolist() == products["label"].tolist()
    assert "when its limit of 0 minutes stopped it" in outcome.note


def test_a_failure_of_autogluon_is_told_with_the_end_of_its_log(python, products, tmp_path):
    train, test, folder = products.iloc[:9], products.iloc[9:], tmp_path / "autogluon"
    autogluon(python)(train, test, tmp_path, folder, 7)
    outcome = autogluon(python, fail=1)(train, test, tmp_path, folder, 7)
    assert outcome.labels is None  # not those of the first run
    assert "ended with status 1" in outcome.note
    assert "\n    RuntimeError: out of luck" in outcome.note


def test_without_autogluon_the_note_says_how_to_install_it(products, tmp_path):
    assert installed_version(Path(sys.executable)) is None
    for python in (None, Path(sys.executable), tmp_path / "nothing/bin/python"):
        outcome = autogluon(python)(products, products, tmp_path, tmp_path / "autogluon", 7)
        assert outcome.labels is None
        assert "pip install torch===" in outcome.note
        assert "make compare CATALOGUE=shop AUTOGLUON=" in outcome.note
        assert python is None or str(python) in outcome.note


def test_weights_that_are_missing_are_told(python, products, tmp_path, monkeypatch):
    def refuse(model):
        raise InputError(f"no pretrained weights for '{model}'")

    monkeypatch.setattr("autogluon_run.find_encoder", refuse)
    outcome = autogluon(python)(products, products, tmp_path, tmp_path / "autogluon", 7)
    assert outcome.note.startswith("AutoGluon MultiModal was not run: no pretrained weights for 'sentence-")


def test_a_command_that_takes_too_long_ends_with_all_its_processes(tmp_path):
    started = time.monotonic()
    status = run_limited(["sh", "-c", "sleep 60 & echo $!; wait"], tmp_path / "log.txt", 1)
    assert status is None
    assert time.monotonic() - started < 30
    child = int((tmp_path / "log.txt").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def script(tmp_path: Path) -> list[str]:
    """A command that writes the record of a job with the attempt in the file `attempt`."""
    (tmp_path / "attempt").write_text("first")
    (tmp_path / "01_write.py").write_text(
        "import json, sys\nfrom pathlib import Path\n"
        "root = Path(sys.argv[1])\nfolder = root / 'run/experts/one'\nfolder.mkdir(parents=True, exist_ok=True)\n"
        "record = {'fingerprint': '', 'script': '', 'inputs': {}, 'run': None, 'files': {}}\n"
        "(folder / 'job.json').write_text(json.dumps(record | {'attempt': (root / 'attempt').read_text()}))\n"
        "sys.exit(2 if (root / 'fail').exists() else 0)\n"
    )
    return [sys.executable, str(tmp_path / "01_write.py"), str(tmp_path)]


def test_time_is_that_of_the_run_from_nothing_to_its_end(tmp_path, script):
    first, note = compare.run_scripts(tmp_path / "run", [script, script])
    assert note == ""
    again, note = compare.run_scripts(tmp_path / "run", [script])
    assert again == first
    assert note.startswith("Ours once more, with everything done: ")
    (tmp_path / "attempt").write_text("second")
    after_a_change, note = compare.run_scripts(tmp_path / "run", [script])
    assert after_a_change != first
    assert compare.CONTINUED in note


def test_a_run_that_was_interrupted_has_no_time_of_its_own(tmp_path, script):
    (tmp_path / "fail").touch()
    with pytest.raises(InputError, match=r"01_write.py ended with status 2"):
        compare.run_scripts(tmp_path / "run", [script])
    (tmp_path / "fail").unlink()
    assert compare.CONTINUED in compare.run_scripts(tmp_path / "run", [script])[1]


@pytest.fixture
def shop(workspace, monkeypatch):
    """A shop of texts alone, and the scripts that it needs."""
    write_table(workspace, "products.csv", shop_products())
    config = table_config()
    workspace.write_config(config | {"catalogue": config["catalogue"] | {"root": "unset"}})
    needed = [path for path in compare.SCRIPTS if path.name[:2] in ("01", "02", "07", "08")]
    monkeypatch.setattr(compare, "SCRIPTS", needed)
    monkeypatch.chdir(workspace.folder)
    return workspace


def run_compare(shop, monkeypatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["compare.py", "shop", "--config", str(shop.config), *arguments])
    compare.main()
    return capsys.readouterr().out


def run_here(command: list[str]) -> int:
    """Run a script in this process, which has imported the libraries already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command[1:])
        runpy.run_path(command[1], run_name="__main__")
    return 0


def test_compare_scores_all_methods_on_the_same_products(shop, monkeypatch, capsys):
    monkeypatch.setattr(compare, "run_script", run_here)
    report = run_compare(shop, monkeypatch, capsys, "--seeds", "1", "2")
    ids = {}
    for seed in (1, 2):
        (run_root,) = Path("weights").glob(f"compare-shop-*-{seed}")
        products = pd.read_parquet(run_root / "catalogue/products.parquet")
        ids[seed] = set(products.index[products["split"] == "test"])
    assert ids[1] != ids[2]
    (folder,) = Path("submissions").glob("compare-shop-*-1-2")
    table = (folder / "compare.md").read_text()
    assert table in report
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    methods = [compare.SUBMITTED, compare.BEST_EXPERT, compare.VOTE, "TF-IDF + logistic regression"]
    assert rows[2:6] == methods
    assert "\n\nOurs submits vote.\n" in table
    assert "\n\nThe best single expert, without the test products, is tfidf.\n" in table
    assert "AutoGluon MultiModal is not installed" in table
    assert f"{len(ids[1])} test products, {74 - len(ids[1])} labelled products to learn from, 4 classes" in table


def test_what_is_wrong_with_the_catalogue_ends_the_command(shop, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_compare(shop, monkeypatch, capsys, "--set", "catalogue.columns.label=kind")
    assert stopped.value.code == 2
    assert "error: 01_prepare.py ended with status 2, see above" in capsys.readouterr().err
    shutil.rmtree(shop.folder / "shop")
    with pytest.raises(SystemExit) as stopped:
        run_compare(shop, monkeypatch, capsys)
    assert stopped.value.code == 2
    assert "error: shop is not a folder" in capsys.readouterr().err
