"""Pretrained weights in an experiment: asked for before anything is trained, and noticed when they are replaced."""

import pytest
from helpers.configs import TINY_CNN, tiny_config
from helpers.pretrained import put_weights

pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.mark.usefixtures("unreachable_hub")
def test_missing_weights_are_all_named_before_anything_is_trained(workspace, capsys):
    config = tiny_config()
    config["experts"]["camembert"] = {"kind": "transformer", "model": "almanach/camembert-base"}
    config["experts"]["cnn_raw"] = {"kind": "cnn", "model": "resnet152.tv_in1k", "image": {"resize": 48, "crop": 32}}
    workspace.write_config(config)
    with pytest.raises(SystemExit):
        workspace.run("02_train_text.py")
    error = capsys.readouterr().err
    for part in (
        "almanach/camembert-base",
        "weights/pretrained/almanach--camembert-base/",
        "timm/resnet152.tv_in1k",
        "hf download",
    ):
        assert part in error
    assert not (workspace.folder / "weights").exists()


def test_an_expert_that_starts_from_replaced_weights_is_to_do_again_and_no_other(workspace):
    config = tiny_config()
    config["experts"] = {
        "tfidf": {"kind": "tfidf"},
        "pretrained": TINY_CNN | {"model": "resnet10t.c3_in1k", "pretrained": True},
        "scratch": TINY_CNN,
    }
    config["policies"] = {"only": {"experts": ["tfidf", "pretrained", "scratch"]}}
    del config["denoise"]
    workspace.write_config(config)
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    weights = put_weights("resnet10t.c3_in1k") / "model.safetensors"
    jobs = workspace.jobs()
    for job in jobs.values():
        if job.kind != "catalogue":
            job.begin("04_train_image.py")
            job.finish()
    assert {name: job.status() for name, job in jobs.items()} == dict.fromkeys(jobs, ("done", ""))
    weights.write_text("others!")
    assert {job.name for job in jobs.values() if job.state() != "done"} == {"pretrained", "only", "vote"}
    assert jobs["experts/pretrained"].status()[1] == "the pretrained weights of resnet10t.c3_in1k have changed"


def test_a_cut_expert_is_continued_when_its_weights_have_come_from_the_hub_meanwhile(workspace):
    config = tiny_config()
    config["experts"] = {"cnn": TINY_CNN | {"model": "resnet10t.c3_in1k", "pretrained": True}}
    config["policies"] = {"only": {"experts": ["cnn"]}}
    del config["denoise"]
    workspace.write_config(config)
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    job = workspace.jobs()["experts/cnn"]
    job.begin("04_train_image.py")
    put_weights("resnet10t.c3_in1k")
    assert job.state() == "begun"


@pytest.mark.usefixtures("unreachable_hub")
def test_pretrained_weights_that_end_to_end_starts_from_are_asked_for_first(workspace, capsys):
    config = tiny_config()
    config["experts"]["camembert"] = {"kind": "transformer", "model": "almanach/camembert-base"}
    config["experts"]["cnn_raw"] = {"kind": "cnn", "model": "resnet152.tv_in1k", "image": {"resize": 48, "crop": 32}}
    workspace.write_config(config)
    with pytest.raises(SystemExit):
        workspace.run("06_train_joint.py", "--only", "end_to_end")
    error = capsys.readouterr().err
    assert "almanach/camembert-base" in error
    assert "timm/resnet152.tv_in1k" in error
