"""Shared by the tests: a workspace to run the numbered scripts in, as a user does, but within this process."""

import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, settings

from latefusion.plan.records import describe_results
from latefusion.utils.files import read_json, write_json

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the scripts do, and before anything imports torch
REPOSITORY = Path(__file__).parents[1]
# From the sample to the validated submission; the later ones compare runs.
SCRIPTS = sorted(path.name for path in (REPOSITORY / "src").glob("[01]*.py") if path.name < "11")

# HYPOTHESIS_PROFILE=long fuzzes for as long as one lets it; the suite repeats the same examples on every machine.
settings.register_profile(
    "suite", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", max_examples=100_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

TINY_CNN = {
    "kind": "cnn",
    "model": "resnet10t",
    "pretrained": False,
    "model_args": {"channels": [8, 8, 16, 16], "stem_width": 8, "output_stride": 16},
    "image": {"resize": 36, "crop": 32},
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.01, "keep_last": 2},
}
TINY_DCL = {
    "kind": "dcl",
    "start_from": "cnn_clean",
    "image": {"resize": 36, "crop": 32},
    "grid": 2,
    "train_on": "clean",
    "train": {"epochs": 1, "batch_size": 32, "lr": 0.001, "keep_last": 1},
}
TINY_TRANSFORMER = {
    "kind": "transformer",
    "scratch": {"vocab_size": 500, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1},
    "max_length": 24,
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.005},
}
TINY_FROZEN = {
    "kind": "joint",
    "text": "camembert",
    "image": "dcl_clean",
    "fusion": "attention",
    "features": "frozen",
    "hidden_size": 16,
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.005},
}
TINY_END_TO_END = TINY_FROZEN | {
    "image": "cnn_raw",
    "fusion": "concat",
    "features": "end_to_end",
    "head_lr_factor": 1,
    "train": {"epochs": 1, "batch_size": 32, "lr": 0.005},
}


def tiny_config() -> dict:
    """The whole recipe at its smallest: every kind of expert, two policies, a vote."""
    return {
        "sample": {"products": 300, "image_size": 64},
        "catalogue": {"format": "sigir", "root": "data/sample", "test_labels": "hidden/y_test.csv"},
        "split": {"valid_fraction": 0.25},
        "image_cache": 48,
        "experts": {
            "tfidf": {"kind": "tfidf"},
            "camembert": TINY_TRANSFORMER,
            "cnn_raw": TINY_CNN,
            "cnn_clean": TINY_CNN | {"train_on": "clean"},
            "dcl_clean": TINY_DCL,
            "dcl_late": {"kind": "late", "of": "dcl_clean"},
            "frozen": TINY_FROZEN,
            "end_to_end": TINY_END_TO_END,
        },
        "denoise": {"n_folds": 2, "network": TINY_CNN | {"train": {"epochs": 1, "batch_size": 32}}},
        "policies": {
            "one_layer": {"experts": ["tfidf", "dcl_clean"], "layers": 1, "n_folds": 3, "epochs": 5},
            "two_layers": {"experts": ["camembert", "cnn_raw", "dcl_late"], "layers": 2, "n_folds": 3, "epochs": 5},
        },
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


class Workspace:
    """A folder with an experiment's config in it, and the scripts to run there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "tiny.yaml"

    @property
    def run_root(self) -> Path:
        return self.folder / "weights" / "tiny"

    def write_config(self, config: dict) -> None:
        self.config.write_text(yaml.safe_dump(config))

    def run(self, script: str, *arguments: str) -> None:
        """Run a script in this process; a failure raises SystemExit."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", [script, "--config", str(self.config), *arguments])
            runpy.run_path(str(REPOSITORY / "src" / script), run_name="__main__")

    def run_all(self, *arguments: str) -> None:
        for script in SCRIPTS:
            self.run(script, *arguments)

    def snapshot(self) -> dict[str, bytes]:
        """Everything under weights/ and submissions/, by name."""
        files = [*self.folder.glob("weights/**/*"), *self.folder.glob("submissions/**/*")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files if path.is_file()}


@pytest.fixture(scope="session", autouse=True)
def pretended_precision() -> Iterator[None]:
    """Let the CPU pretend that it computes in bf16 (LATEFUSION_TEST_BF16=1) or not (=0); unset, it tells the truth.

    Scripts that a test starts as processes of their own do not pretend: their configs name the precision.
    """
    pretended = os.environ.get("LATEFUSION_TEST_BF16")
    if pretended is None:
        yield
        return
    import torch  # here: it takes a second, and many tests do without

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": {"0": False, "1": True}[pretended]})
        yield


def record_again(run_dir: Path) -> None:
    """Take what lies in a run folder for what its job has left."""
    record = read_json(run_dir / "job.json")
    write_json(run_dir / "job.json", record | {"files": describe_results(run_dir)})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory) -> Workspace:
    """The tiny experiment, run from the sample to the submission; tests must not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("finished"))
    workspace.write_config(tiny_config())
    workspace.run_all()
    return workspace
