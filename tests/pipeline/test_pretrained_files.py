"""Which pretrained weights a name means, and that other weights under the same name are noticed."""

import os
from pathlib import Path

import pytest
import yaml
from conftest import TINY_CNN, Workspace, tiny_config

from latefusion.config import Experiment
from latefusion.plan.planning import plan
from latefusion.plan.pretrained import FOLDER, describe_files, find_encoder, have_changed
from latefusion.utils.errors import InputError


@pytest.fixture(autouse=True)
def no_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("latefusion.plan.pretrained.get_session", None)


def put(name: str, content: str = "weights") -> Path:
    folder = FOLDER / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(content)
    return folder


@pytest.fixture
def unreachable(monkeypatch):
    monkeypatch.setattr("latefusion.plan.pretrained._ask_hub", lambda name: "cannot be reached")


@pytest.mark.usefixtures("unreachable")
def test_two_organisations_may_have_a_model_of_one_name():
    put("org-a--bert")
    put("org-b/bert")
    assert find_encoder("org-a/bert") == str(FOLDER / "org-a--bert")
    assert find_encoder("org-b/bert") == str(FOLDER / "org-b/bert")


@pytest.mark.usefixtures("unreachable")
def test_a_folder_of_the_last_word_alone_is_refused_with_the_command_that_names_it_rightly():
    put("bert")
    with pytest.raises(InputError, match="mv weights/pretrained/bert weights/pretrained/org-a--bert"):
        find_encoder("org-a/bert")
    assert find_encoder("bert") == str(FOLDER / "bert")


@pytest.mark.parametrize(
    "name", ["weights/mine/bert", "../bert", "a b", "x" * 200, "~/bert", "é/b", "a//b", "C:\\bert"]
)
def test_a_name_that_is_no_folder_and_that_the_hub_does_not_allow_is_refused_in_words(name):
    with pytest.raises(InputError, match=r"no pretrained weights for [\s\S]*not a valid name there"):
        find_encoder(name)


def test_a_file_that_is_only_newer_has_not_changed_and_one_of_other_content_has():
    folder = put("bert")
    recorded = describe_files("bert")
    assert set(recorded) == {"config.json", "model.safetensors"}
    os.utime(folder / "model.safetensors", (1, 1))
    assert not have_changed("bert", recorded)
    (folder / "model.safetensors").write_text("WEIGHTS")
    assert have_changed("bert", recorded)
    (folder / "model.safetensors").write_text("weights")
    (folder / "vocab.txt").write_text("a word")
    assert have_changed("bert", recorded)


def test_files_that_no_model_is_read_from_change_nothing():
    folder = put("bert")
    recorded = describe_files("bert")
    for name in ("LICENSE.txt", "README.md", "training_args.bin"):
        (folder / name).write_text("text")
    assert not have_changed("bert", recorded)


def test_weights_that_are_gone_or_were_never_here_have_not_changed():
    folder = put("bert")
    recorded = describe_files("bert")
    assert not have_changed("bert", None)
    (folder / "model.safetensors").unlink()
    assert not have_changed("bert", recorded)


def test_an_expert_that_starts_from_replaced_weights_is_to_do_again_and_no_other(tmp_path):
    config = tiny_config()
    config["experts"] = {
        "tfidf": {"kind": "tfidf"},
        "pretrained": TINY_CNN | {"model": "resnet10t.c3_in1k", "pretrained": True},
        "scratch": TINY_CNN,
    }
    config["policies"] = {"only": {"experts": ["tfidf", "pretrained", "scratch"]}}
    del config["denoise"]
    workspace = Workspace(tmp_path)
    workspace.write_config(config)
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    weights = put("resnet10t.c3_in1k") / "model.safetensors"
    jobs = plan(Experiment.model_validate({"name": "tiny"} | yaml.safe_load(workspace.config.read_text())))
    for job in jobs.values():
        if job.kind != "catalogue":
            job.begin("04_train_image.py")
            job.finish()
    assert {name: job.status() for name, job in jobs.items()} == dict.fromkeys(jobs, ("done", ""))
    weights.write_text("others!")
    assert {job.name for job in jobs.values() if job.state() != "done"} == {"pretrained", "only", "vote"}
    assert jobs["experts/pretrained"].status()[1] == "the pretrained weights of resnet10t.c3_in1k have changed"


def test_a_cut_expert_is_continued_when_its_weights_have_come_from_the_hub_meanwhile(tmp_path):
    config = tiny_config()
    config["experts"] = {"cnn": TINY_CNN | {"model": "resnet10t.c3_in1k", "pretrained": True}}
    config["policies"] = {"only": {"experts": ["cnn"]}}
    del config["denoise"]
    workspace = Workspace(tmp_path)
    workspace.write_config(config)
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    job = plan(Experiment.model_validate({"name": "tiny"} | yaml.safe_load(workspace.config.read_text())))[
        "experts/cnn"
    ]
    job.begin("04_train_image.py")
    put("resnet10t.c3_in1k")
    assert job.state() == "begun"
