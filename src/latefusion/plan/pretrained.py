"""Find pretrained weights, in this order:

1. in the user's own folder or in `weights/pretrained/`. There the folder of a model `org/name` is `org--name` or
   `org/name`, never just `name`: two organisations may both have a `bert`. The folder of a timm model, whose name has
   no organisation, is its name;
2. in a pip package (see `packages`), unpacked to `weights/unpacked/`;
3. in the cache of the Hugging Face hub, or on the hub.

Word vectors are a file: the user's own, or below `weights/pretrained/`.
"""

import logging
from pathlib import Path

import httpx2
from huggingface_hub import get_session, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from latefusion.plan.packages import package_of
from latefusion.plan.records import describe_file, hash_of
from latefusion.plan.timm_names import check_timm_name
from latefusion.plan.unpacking import describe_source, unpack, unpacked_folder
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)
FOLDER = Path("weights") / "pretrained"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")
ABSENT = "not on this machine"
NOT_ALLOWED = "not a valid name there"
READ = (  # patterns of the files that transformers and timm read
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin", "config.json", "tokenizer*", "vocab*",
    "merges.txt", "*.model", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip


def find_encoder(model: str) -> str:
    """Return the argument of `from_pretrained` for a Hugging Face encoder: a local folder, or the name on the hub.

    Raises InputError that says which folders were searched and how to get the weights.
    """
    return _find(model, hub_name=model)


def find_timm(model: str) -> Path | None:
    """Return the local weights file of a timm model, or None if timm must download it from the hub.

    Raises InputError as `find_encoder` does and, before anything is searched, if timm has no model or no weights of
    this name.
    """
    check_timm_name(model)
    found = Path(_find(model, hub_name=f"timm/{model}"))
    return next((found / name for name in WEIGHT_FILES[:2] if (found / name).is_file()), None)


def find_vectors(name: str) -> Path:
    """Return the file of word vectors of this name. Raises InputError that says where it was searched."""
    if (file := _vectors_file(name)) is not None:
        return file
    searched = "\n".join(f"    {path}" for path in _vectors_paths(name))
    raise InputError(
        f"no word vectors '{name}'. Looked for the file\n{searched}\n"
        "  Put it there, or set word_vectors to its path, or to none for random vectors"
    )


def _vectors_paths(name: str) -> list[Path]:
    return list(dict.fromkeys([Path(name), FOLDER / name]))


def _vectors_file(name: str) -> Path | None:
    return next((path for path in _vectors_paths(name) if path.is_file()), None)


def describe_files(model: str) -> dict[str, dict] | None:
    """Return size, time and hash of a model's files, by name; None if the model is not on this machine."""
    files = _local_files(model)
    return {path.name: describe_file(path) | {"mtime_ns": path.stat().st_mtime_ns} for path in files} or None


def have_changed(model: str, recorded: dict[str, dict] | None) -> bool:
    """Return whether a model's files differ from `recorded`, the result of `describe_files`.

    A file is hashed only if its time differs. A model that is not on this machine, or was not when it was described,
    counts as unchanged.
    """
    if recorded is None:
        return False
    return any(path.name not in recorded or _differs(path, recorded[path.name]) for path in _local_files(model))


def _differs(path: Path, recorded: dict) -> bool:
    stat = path.stat()
    if (stat.st_size, stat.st_mtime_ns) == (recorded["bytes"], recorded["mtime_ns"]):
        return False
    return stat.st_size != recorded["bytes"] or hash_of(path) != recorded["blake2b"]


def _local_files(model: str) -> list[Path]:
    """Return the files of a model, or the file of word vectors; empty if it is not on this machine."""
    folder = local_folder(model)
    if folder is None:
        return [file for file in [_vectors_file(model)] if file is not None]
    return sorted({path for pattern in READ for path in folder.glob(pattern) if path.is_file()})


def local_folder(model: str) -> Path | None:
    """Return the folder that holds a model on this machine, which may be in the hub's cache, or None."""
    hub_names = (model, f"timm/{model}")
    unpacked = (unpacked_folder(hub_name) for hub_name in hub_names)
    cached = (_cached_folder(hub_name) for hub_name in hub_names)
    return next((folder for folder in (_own_folder(model), *unpacked, *cached) if folder is not None), None)


def describe_location(model: str, hub_name: str | None) -> str:
    """Return where the weights of a model are, or how to get them; without a request to the hub and without unpacking.

    `hub_name` is the model's name on the hub, None of word vectors. For weights that are not here it begins with
    `ABSENT`.
    """
    if hub_name is None:
        file = _vectors_file(model)
        return f"{ABSENT}: put the file into {FOLDER}/" if file is None else str(file)
    if (folder := _own_folder(model)) is not None:
        return f"{folder}/"
    if (problem := _short_name_problem(model)) is not None:
        return " ".join(problem.split())
    if (folder := unpacked_folder(hub_name)) is not None:
        return f"{folder}/, from the package {describe_source(folder)}"
    package = package_of(hub_name)
    if package is not None and package.installed_version is not None:
        return f"the package {package.name} {package.installed_version}"
    if (folder := _cached_folder(hub_name)) is not None:
        return f"{folder}/ (the hub's cache)"
    if not _is_allowed(hub_name):
        return f"{ABSENT}: put them into {model}/"
    first = "downloaded at first use" if package is None else package.install_command
    return f"{ABSENT}: {first}, or {_download_command(model, hub_name)}"


def _is_allowed(hub_name: str) -> bool:
    """Return whether a model on the hub can have this name."""
    try:
        hf_hub_url(hub_name, "config.json")
    except HFValidationError:
        return False
    return True


def _cached_folder(hub_name: str) -> Path | None:
    """Return the folder of the hub's cache that holds a model's weights, or None, as after a partial download."""
    try:
        found = [try_to_load_from_cache(hub_name, name) for name in WEIGHT_FILES]
    except HFValidationError:
        return None
    return next((Path(path).parent for path in found if isinstance(path, str)), None)


def _folders(model: str) -> list[Path]:
    """Return the folders to search for a model: its name as a path, then two in weights/pretrained/."""
    return list(dict.fromkeys([Path(model), FOLDER / model.replace("/", "--"), FOLDER / model]))


def _own_folder(model: str) -> Path | None:
    """Return the first of the user's folders that holds a model, or None."""
    return next((folder for folder in _folders(model) if _holds_weights(folder)), None)


def _holds_weights(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHT_FILES)


def _find(model: str, hub_name: str) -> str:
    if (own := _own_folder(model)) is not None:
        logger.info("pretrained weights of %s: %s", model, own)
        return str(own)
    if (problem := _short_name_problem(model)) is not None:
        raise InputError(problem)
    if (unpacked := unpack(hub_name)) is not None:
        logger.info("pretrained weights of %s: %s, from the package %s", model, unpacked, describe_source(unpacked))
        return str(unpacked)
    if (problem := _ask_hub(hub_name)) is not None:
        raise _not_found(model, hub_name, problem)
    logger.info("pretrained weights of %s: the Hugging Face hub, %s", model, hub_name)
    return hub_name


def _short_name_problem(model: str) -> str | None:
    """Return what to do about a folder without the organisation's name, which may hold another model; None without."""
    short = FOLDER / Path(model).name
    if model.count("/") != 1 or not _holds_weights(short):
        return None
    return (
        f"{short} may hold the weights of '{model}' or of another model '{short.name}'. If they are those of "
        f"'{model}', rename the folder:\n  mv {short} {_folders(model)[1]}"
    )


def _not_found(model: str, hub_name: str, hub_problem: str) -> InputError:
    """Return the error that says where weights were searched and how to get them."""
    folders, package = _folders(model), package_of(hub_name)
    searched = [f"{folder}/ for config.json and {WEIGHT_FILES[0]}" for folder in folders]
    if package is not None:
        searched.append(f"the pip package {package.name}: it is not installed")
    searched.append(f"the Hugging Face hub, {hub_name}: {hub_problem}")
    if hub_problem == NOT_ALLOWED:
        advice = f"Put them into {folders[0]}, or give the name of a model on the hub: organisation/model"
    else:
        advice = f"To download them, on a machine with internet access: {_download_command(model, hub_name)}"
    if package is not None:
        advice = f"To install them: {package.install_command}\n  {advice}"
    lines = "\n".join(f"    {line}" for line in searched)
    return InputError(f"no pretrained weights for '{model}'. Looked in\n{lines}\n  {advice}")


def _download_command(model: str, hub_name: str) -> str:
    return f"hf download {hub_name} --local-dir {_folders(model)[1]}"


def _ask_hub(hub_name: str) -> str | None:
    """Return why neither the hub nor its cache has the model, or None if one has; one request, without retries."""
    if not _is_allowed(hub_name):
        return NOT_ALLOWED
    try:
        if _cached_folder(hub_name) is not None:
            return None
        answer = get_session().head(hf_hub_url(hub_name, "config.json"), follow_redirects=True, timeout=10)
    except (httpx2.HTTPError, OSError) as error:
        return f"cannot be reached ({error})"
    return None if answer.is_success else f"answers {answer.status_code}, is the name right?"
