"""What a run says of its machine and its code; it never fails."""

import json
import subprocess

import pytest

from latefusion.config import Hardware
from latefusion.utils import environment
from latefusion.utils.environment import code_version, run_environment


def git(folder, *arguments: str) -> str:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def package(tmp_path):
    """A package in a repository of its own."""
    folder = tmp_path / "checkout/src/package"
    folder.mkdir(parents=True)
    (folder / "module.py").write_text("x = 1\n")
    git(tmp_path / "checkout", "init", "-q")
    git(tmp_path / "checkout", "add", ".")
    git(tmp_path / "checkout", "commit", "-q", "-m", "first")
    return folder


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_run_names_device_precision_threads_versions_and_code(precision):
    from latefusion.training.loop import make_accelerator

    found = run_environment(make_accelerator(Hardware(mixed_precision=precision)))
    assert found["precision"] == {"no": "fp32"}.get(precision, precision)
    assert found["processes"] == 1
    assert found["cpu_threads"] >= 1
    assert set(found["versions"]) == {"torch", "timm", "transformers", "accelerate", "numpy", "scikit-learn"}
    assert "unknown" not in found["versions"].values()
    assert all(found[key] for key in ("device", "python", "code"))
    assert json.loads(json.dumps(found)) == found


def test_the_code_is_named_by_its_commit_and_whether_it_was_changed(package):
    commit = git(package, "rev-parse", "HEAD")
    assert code_version.__wrapped__(package) == commit[:12]
    (package.parents[1] / "README.md").write_text("not code\n")
    assert code_version.__wrapped__(package) == commit[:12]
    (package / "new.py").write_text("y = 2\n")
    assert code_version.__wrapped__(package) == commit[:12] + "+changes"


def test_without_a_checkout_the_package_has_a_version_or_none(package, tmp_path, monkeypatch):
    installed = package.parents[1] / ".venv/package"  # below somebody's repository, but not in it
    for folder in (installed, tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "module.py").write_text("x = 1\n")
        assert code_version.__wrapped__(folder) == environment._version("latefusion")
    monkeypatch.setattr(environment.subprocess, "run", lambda *arguments, **settings: (_ for _ in ()).throw(OSError))
    assert code_version.__wrapped__(package) == environment._version("latefusion")
    assert environment._version("no-such-package") == "unknown"
