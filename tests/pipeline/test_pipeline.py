"""The numbered scripts from end to end on a tiny sample: what they leave, what they skip, what they redo."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.configs import tiny_config
from helpers.workspace import Workspace

from latefusion.experts import training
from latefusion.experts.text.tfidf import TfidfClassifier
from latefusion.experts.training import fit_network

EXPERT_FILES = {"config.yaml", "job.json", "metrics.json", "valid_probs.parquet", "test_probs.parquet"}


def states(workspace: Workspace) -> dict[str, str]:
    return {job.name: job.state() for job in workspace.jobs().values()}


def test_every_expert_writes_its_run_folder(trained_run):
    for expert in ("tfidf", "camembert", "dcl_late", "frozen", "end_to_end"):
        left = {path.name for path in (trained_run.run_root / "experts" / expert).iterdir()}
        assert left >= EXPERT_FILES | {"model.safetensors"}
    assert not list(trained_run.run_root.glob("**/checkpoints"))


def test_all_tables_have_the_same_ids_and_classes(trained_run):
    products = pd.read_parquet(trained_run.run_root / "catalogue" / "products.parquet")
    for part, splits in {"valid": ["valid"], "test": ["submit"]}.items():
        ids = set(products.index[products["split"].isin(splits)])
        tables = [pd.read_parquet(path) for path in trained_run.run_root.glob(f"**/{part}_probs.parquet")]
        assert len(tables) == 12  # 8 experts, 2 policies, the vote, the submission
        assert all(set(table.index) == ids for table in tables)
        assert all(list(table.columns) == list(tables[0].columns) for table in tables)


def test_submission_has_the_challenges_name_header_and_order(trained_run):
    for phase in (1, 2):
        test = (trained_run.folder / f"data/sample/x_test_task1_phase{phase}.tsv").read_text().splitlines()[1:]
        path = trained_run.folder / f"submissions/tiny/y_test_task1_phase{phase}_pred.tsv"
        lines = path.read_text().splitlines()
        assert lines[0] == "Integer_id\tImage_id\tProduct_id\tPrdtypecode"
        assert [line.split("\t")[0] for line in lines[1:]] == [line.split("\t")[0] for line in test]


def test_scores_cover_every_method_on_both_splits(trained_run):
    scores = pd.read_csv(trained_run.run_root / "scores/scores.csv")
    assert len(scores) == 12 * 2 * 3  # 8 experts, 2 policies, the vote and the soft vote
    assert set(scores["kind"]) == {"text", "image", "joint", "policy", "vote"}
    assert scores["value"].between(0, 1).all()
    assert (scores["n"][scores["split"] == "test"] == 60).all()


def test_a_late_checkpoint_of_the_final_epoch_differs_from_nothing_but_its_parent(trained_run):
    late = trained_run.run_root / "experts/dcl_late"
    assert yaml.safe_load((late / "config.yaml").read_text()) == {
        "kind": "late", "of": "dcl_clean", "epochs_before_end": 0, "image_cache": 48,
    }  # fmt: skip
    assert (late / "model.safetensors").read_bytes() == (
        trained_run.run_root / "experts/dcl_clean/late-0.safetensors"
    ).read_bytes()


def test_a_second_run_changes_nothing(copied):
    before, times = copied.snapshot(), {path: path.stat().st_mtime_ns for path in copied.run_root.rglob("*.parquet")}
    copied.run_all()
    assert copied.snapshot() == before
    assert {path: path.stat().st_mtime_ns for path in copied.run_root.rglob("*.parquet")} == times


def test_a_changed_setting_redoes_the_expert_and_what_depends_on_it(copied):
    config = tiny_config()
    config["experts"]["cnn_clean"]["train"] = config["experts"]["cnn_clean"]["train"] | {"lr": 0.02}
    copied.write_config(config)
    redone = {name for name, state in states(copied).items() if state != "done"}
    assert redone == {"cnn_clean", "dcl_clean", "dcl_late", "frozen", "one_layer", "two_layers", "vote", "submission"}


def test_a_job_that_gives_the_same_again_makes_nothing_stale_and_another_result_does(copied, monkeypatch):
    shutil.rmtree(copied.run_root / "experts/tfidf")
    assert {name for name, state in states(copied).items() if state != "done"} == {
        "tfidf", "one_layer", "vote", "submission",
    }  # fmt: skip
    copied.run("02_train_text.py")
    assert set(states(copied).values()) == {"done"}
    shutil.rmtree(copied.run_root / "experts/tfidf")
    with monkeypatch.context() as patch:
        patch.setattr(TfidfClassifier, "predict_proba", lambda self, texts: np.full((len(texts), 27), 1 / 27))
        copied.run("02_train_text.py")
    assert {name for name, state in states(copied).items() if state != "done"} == {
        "one_layer", "vote", "submission",
    }  # fmt: skip


def test_a_moved_catalogue_redoes_nothing(copied):
    config = tiny_config()
    config["catalogue"]["root"] = "elsewhere"
    (copied.folder / "data/sample").rename(copied.folder / "elsewhere")
    copied.write_config(config)
    assert set(states(copied).values()) == {"done"}


def test_a_changed_table_redoes_everything_and_changed_hardware_nothing(copied):
    config = tiny_config() | {"hardware": {"num_workers": 1}}
    copied.write_config(config)
    assert set(states(copied).values()) == {"done"}
    labels = copied.folder / "data/sample/Y_train.tsv"
    labels.write_text(labels.read_text() + "\n")  # a blank line is read as nothing, but it is another file
    assert set(states(copied).values()) == {"to do"}


def test_training_that_diverges_is_refused_until_its_settings_change(trained_run, copied, capsys):
    diverging = ("--only", "cnn_raw", "--set", "experts.cnn_raw.train.lr=1e30")
    for _ in range(2):
        with pytest.raises(SystemExit) as exit_:
            copied.run("04_train_image.py", *diverging)
        assert exit_.value.code == 2
        assert "in epoch 1: lower experts.cnn_raw.train.lr (1e+30), or warm up" in capsys.readouterr().err
    copied.run("04_train_image.py", "--only", "cnn_raw")
    weights = (workspace.run_root / "experts/cnn_raw/model.safetensors" for workspace in (trained_run, copied))
    assert len({path.read_bytes() for path in weights}) == 1


def test_only_names_one_job_of_the_script(copied, capsys):
    shutil.rmtree(copied.run_root / "experts/tfidf")
    shutil.rmtree(copied.run_root / "experts/camembert")
    copied.run("02_train_text.py", "--only", "tfidf")
    assert (copied.run_root / "experts/tfidf/job.json").exists()
    assert not (copied.run_root / "experts/camembert").exists()
    for name, message in {"cnn_raw": "04_train_image.py", "tfdif": "did you mean 'tfidf'?"}.items():
        with pytest.raises(SystemExit):
            copied.run("02_train_text.py", "--only", name)
        assert message in capsys.readouterr().err


def test_a_missing_need_is_named_with_its_script(copied, capsys):
    shutil.rmtree(copied.run_root / "experts/tfidf")
    shutil.rmtree(copied.run_root / "policies/one_layer")
    with pytest.raises(SystemExit):
        copied.run("07_fuse.py")
    assert "one_layer needs tfidf, which is not done: run src/02_train_text.py --config" in capsys.readouterr().err


def test_the_ens_layout_gives_the_same_table_and_a_valid_submission(trained_run, workspace):
    config = tiny_config()
    config["catalogue"] |= {"format": "ens"}
    config["experts"] = {"tfidf": config["experts"]["tfidf"]}
    config["policies"] = {"one_layer": {"experts": ["tfidf"], "n_folds": 3, "epochs": 2}}
    del config["denoise"]
    workspace.write_config(config)
    workspace.run_all()
    tables = [pd.read_parquet(where.run_root / "catalogue/products.parquet") for where in (trained_run, workspace)]
    for table in tables:
        table["image"] = table["image"].str.rsplit("/").str[-1]  # the layouts keep images in other folders
    pd.testing.assert_frame_equal(*tables)
    lines = (workspace.folder / "submissions/tiny/y_test_pred.csv").read_text().splitlines()
    assert lines[0] == ",prdtypecode"
    assert [line.split(",")[0] for line in lines[1:]] == [str(id_) for id_ in range(240, 300)]


def test_validation_tables_hold_what_the_other_folds_chose(copied, monkeypatch):
    chosen = []

    def fitting(*args, **settings):
        fitted = fit_network(*args, **settings)
        chosen.append(np.full_like(fitted.valid_probs, 1 / fitted.valid_probs.shape[1]))
        return replace(fitted, valid_probs=chosen[-1])

    monkeypatch.setattr(training, "fit_network", fitting)
    copied.run("04_train_image.py", "--only", "cnn_raw", "--set", "experts.cnn_raw.train.epochs=1",
               "--set", "experts.cnn_raw.train.keep_last=0")  # fmt: skip
    table = pd.read_parquet(copied.run_root / "experts/cnn_raw/valid_probs.parquet")
    assert np.array_equal(table.to_numpy(), chosen[0])
