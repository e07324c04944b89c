"""What a job records of itself: damage is named and mended, and only what has changed is done again."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from helpers.damage import dying, flip
from helpers.workspace import Workspace, record_again

from latefusion.steps.listing import describe
from latefusion.steps.prepare import _contents
from latefusion.utils.errors import InputError


def test_a_record_that_was_damaged_is_made_again_by_its_script(copied):
    (copied.run_root / "experts/tfidf/job.json").write_bytes(b"\0" * 300)
    assert copied.jobs()["experts/tfidf"].state() == "to do"
    copied.run("02_train_text.py", "--only", "tfidf")
    assert {job.state() for job in copied.jobs().values()} == {"done"}


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_job_whose_files_were_removed_or_cut_is_done_again(copied, damage):
    path = copied.run_root / "experts/tfidf/valid_probs.parquet"
    before = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(before[:-10])
    job = copied.jobs()["experts/tfidf"]
    assert job.state() == "to do"
    assert job.status()[1].startswith("valid_probs.parquet")
    assert "valid_probs.parquet" in describe(copied.jobs())
    copied.run("02_train_text.py")
    assert path.read_bytes() == before


def test_a_need_that_is_damaged_is_named_with_the_reason(copied, capsys):
    (copied.run_root / "experts/tfidf/test_probs.parquet").unlink()
    shutil.rmtree(copied.run_root / "policies/one_layer")
    with pytest.raises(SystemExit):
        copied.run("07_fuse.py", "--only", "one_layer")
    said = capsys.readouterr().err
    assert "needs tfidf, which is not done (test_probs.parquet is missing): run src/02_train_text.py --config" in said


@pytest.mark.parametrize(
    ("file", "lost", "script"),
    [
        ("experts/tfidf/valid_probs.parquet", "policies/one_layer", "07_fuse.py"),
        ("experts/cnn_clean/model.safetensors", "experts/dcl_clean", "05_train_dcl.py"),
        ("experts/dcl_clean/late-0.safetensors", "experts/dcl_late", "05_train_dcl.py"),
        ("denoise/label_issues.parquet", "experts/cnn_clean", "04_train_image.py"),
        ("policies/one_layer/test_preds.parquet", "vote", "08_vote.py"),
        ("catalogue/products.parquet", "experts/tfidf", "02_train_text.py"),
        ("catalogue/contents.json", "experts/tfidf", "02_train_text.py"),
    ],
)
def test_a_changed_byte_in_what_a_job_reads_is_refused_with_the_way_out(copied, capsys, file, lost, script):
    flip(copied.run_root / file)
    shutil.rmtree(copied.run_root / lost)
    with pytest.raises(SystemExit) as stopped:
        copied.run(script, "--only", Path(lost).name)
    said = capsys.readouterr().err
    folder, name = file.rsplit("/", 1)
    assert stopped.value.code == 2
    assert f"weights/tiny/{folder} is damaged: {name} has changed since it was written" in said
    assert f"rm -r weights/tiny/{folder}" in said


def test_a_checkpoint_of_another_run_is_not_continued(copied, capsys):
    """As if two runs of one name under different settings had met in one folder."""
    run_dir = copied.run_root / "experts/camembert"
    shutil.rmtree(run_dir)
    cut = "hardware.checkpoint_every=1"
    with pytest.MonkeyPatch.context() as patch:
        from latefusion.training import loop

        patch.setattr(loop, "save_checkpoint", dying(loop.save_checkpoint, 3, InputError("cut")))
        with pytest.raises(SystemExit):
            copied.run("02_train_text.py", "--only", "camembert", "--set", cut)
    record = json.loads((run_dir / "job.json").read_text())
    (run_dir / "job.json").write_text(json.dumps(record | {"attempt": "another"}))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        copied.run("02_train_text.py", "--only", "camembert")
    said = capsys.readouterr().err
    assert "was written by another run" in said
    assert "rm -r weights/tiny/experts/camembert" in said


def test_a_job_that_was_made_of_what_has_changed_meanwhile_is_to_do_again(copied, caplog):
    shutil.rmtree(copied.run_root / "experts/tfidf")
    job = copied.jobs()["experts/tfidf"]
    job.begin("02_train_text.py")
    contents = copied.run_root / "catalogue/contents.json"
    contents.write_text(contents.read_text().replace('"products": "', '"products": "other'))
    record_again(copied.run_root / "catalogue")
    job.finish()
    assert job.status() == ("to do", "catalogue has changed")
    assert "tfidf: catalogue has changed while the job ran, so it must be repeated" in caplog.text


def image_of_a_train_product(workspace: Workspace) -> Path:
    products = pd.read_parquet(workspace.run_root / "catalogue/products.parquet")
    return workspace.folder / "data/sample" / products.loc[products["split"] == "train", "image"].iloc[0]


def test_changed_images_make_image_experts_stale_and_no_text_expert(copied):
    flip(image_of_a_train_product(copied))
    jobs = copied.jobs()
    assert {
        key
        for key in ("catalogue", "experts/cnn_raw", "experts/dcl_clean", "experts/end_to_end")
        if jobs[key].state() != "to do"
    } == set()
    assert {key for key in ("experts/tfidf", "experts/camembert") if jobs[key].state() != "done"} == set()
    assert jobs["experts/cnn_raw"].status()[1] == "it needs catalogue, which is not done"
    assert jobs["catalogue"].status()[1].startswith("1 image has changed, the first is image_training/")


def test_a_catalogue_whose_images_are_elsewhere_is_as_it_was(copied, caplog):
    for folder in ("image_training", "image_test"):
        (copied.folder / "data/sample" / folder).rename(copied.folder / folder)
    assert {job.state() for job in copied.jobs().values()} == {"done"}
    assert "no image of the catalogue exists" in caplog.text


def test_images_may_be_newer_as_long_as_they_are_the_same(copied):
    image_of_a_train_product(copied).touch()
    assert {job.state() for job in copied.jobs().values()} == {"done"}


def test_groups_that_no_split_keeps_together_concern_no_expert(copied):
    """They come from images: another look-alike must not redo the text experts."""
    products = pd.read_parquet(copied.run_root / "catalogue/products.parquet")
    files = pd.read_parquet(copied.run_root / "catalogue/images.parquet")
    regrouped = products.assign(group=products["group"] + 1)
    experiment = copied.experiment()
    hashes = [_contents(table, ["a"], experiment, files) for table in (products, regrouped)]
    assert hashes[0] == hashes[1]
    in_groups = copied.experiment("split.group_duplicates=true")
    grouped = [_contents(table, ["a"], in_groups, files) for table in (products, regrouped)]
    assert grouped[0]["products"] != grouped[1]["products"]


def test_policies_that_ask_too_much_are_refused_before_an_expert_trains(copied, capsys):
    shutil.rmtree(copied.run_root / "experts/tfidf")
    with pytest.raises(SystemExit):
        copied.run("02_train_text.py", "--only", "tfidf", "--set", "policies.one_layer.n_folds=100")
    assert "policies.one_layer: 60 valid products for 100 folds" in capsys.readouterr().err
    assert not (copied.run_root / "experts/tfidf").exists()


def test_checkpoints_outlive_a_process_that_dies_before_the_record_is_written(copied, monkeypatch):
    shutil.rmtree(copied.run_root / "experts/camembert")

    def dies(job, environment, timed):
        raise InputError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("latefusion.plan.jobs.Job.finish", dies)
        with pytest.raises(SystemExit):
            copied.run("02_train_text.py", "--only", "camembert")
    assert list(copied.run_root.glob("experts/camembert/checkpoints/step-*"))
    copied.run("02_train_text.py", "--only", "camembert")
    assert not (copied.run_root / "experts/camembert/checkpoints").exists()
    assert not list(copied.run_root.glob("experts/camembert/best-*"))
    assert {job.state() for job in copied.jobs().values()} == {"done"}
