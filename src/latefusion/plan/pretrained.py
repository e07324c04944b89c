"""Find pretrained weights in the user's own folder, in `weights/pretrained/`, on the Hugging Face hub or in its cache.

In `weights/pretrained/` the folder of a model `org/name` is `org--name` or `org/name`, never just `name`: two
organisations may both have a `bert`. The folder of a timm model, whose name has no organisation, is its name.
"""

import logging
from pathlib import Path

import httpx2
from huggingface_hub import get_session, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from latefusion.plan.records import describe_file, hash_of
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)
FOLDER = Path("weights") / "pretrained"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")
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
    """Return the local weights file of a timm model, or None if timm must download it from the hub."""
    found = Path(_find(model, hub_name=f"timm/{model}"))
    return next((found / name for name in WEIGHT_FILES[:2] if (found / name).is_file()), None)


def describe_files(model: str) -> dict[str, dict] | None:
    """Return size, time and hash of a model's files, by name; None if the model is not on this machine."""
    folder = local_folder(model)
    if folder is None:
        return None
    return {path.name: describe_file(path) | {"mtime_ns": path.stat().st_mtime_ns} for path in _files(folder)}


def have_changed(model: str, recorded: dict[str, dict] | None) -> bool:
    """Return whether a model's files differ from `recorded`, the result of `describe_files`.

    A file is hashed only if its time differs. A model that is not on this machine, or was not when it was described,
    counts as unchanged.
    """
    folder = local_folder(model)
    if folder is None or recorded is None:
        return False
    return any(path.name not in recorded or _differs(path, recorded[path.name]) for path in _files(folder))


def _differs(path: Path, recorded: dict) -> bool:
    stat = path.stat()
    if (stat.st_size, stat.st_mtime_ns) == (recorded["bytes"], recorded["mtime_ns"]):
        return False
    return stat.st_size != recorded["bytes"] or hash_of(path) != recorded["blake2b"]


def _files(folder: Path) -> list[Path]:
    return sorted({path for pattern in READ for path in folder.glob(pattern) if path.is_file()})


def local_folder(model: str) -> Path | None:
    """Return the folder that holds a model on this machine, which may be in the hub's cache, or None."""
    for folder in _folders(model):
        if _holds_weights(folder):
            return folder
    try:
        return _cached_folder(model) or _cached_folder(f"timm/{model}")
    except HFValidationError:
        return None


def _cached_folder(hub_name: str) -> Path | None:
    """Return the folder of the hub's cache that holds a model's weights, or None, as after a partial download."""
    found = (try_to_load_from_cache(hub_name, name) for name in WEIGHT_FILES)
    return next((Path(path).parent for path in found if isinstance(path, str)), None)


def _folders(model: str) -> list[Path]:
    """Return the folders to search for a model: its name as a path, then two in weights/pretrained/."""
    return list(dict.fromkeys([Path(model), FOLDER / model.replace("/", "--"), FOLDER / model]))


def _holds_weights(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHT_FILES)


def _find(model: str, hub_name: str) -> str:
    folders = _folders(model)
    for folder in folders:
        if _holds_weights(folder):
            logger.info("pretrained weights of %s: %s", model, folder)
            return str(folder)
    _refuse_short_name(model, folders[1])
    problem = _ask_hub(hub_name)
    if problem is None:
        logger.info("pretrained weights of %s: the Hugging Face hub, %s", model, hub_name)
        return hub_name
    searched = "\n".join(f"    {folder}/ for config.json and {WEIGHT_FILES[0]}" for folder in folders)
    advice = f"To download them, on a machine with internet access: hf download {hub_name} --local-dir {folders[1]}"
    if problem == NOT_ALLOWED:
        advice = f"Put them into {folders[0]}, or give the name of a model on the hub: organisation/model"
    raise InputError(
        f"no pretrained weights for '{model}'. Looked in\n{searched}\n    the Hugging Face hub, {hub_name}: {problem}\n"
        f"  {advice}"
    )


def _refuse_short_name(model: str, folder: Path) -> None:
    """Raise InputError if only a folder without the organisation's name exists: it may hold another model."""
    short = FOLDER / Path(model).name
    if model.count("/") == 1 and _holds_weights(short):
        raise InputError(
            f"{short} may hold the weights of '{model}' or of another model '{short.name}'. If they are those of "
            f"'{model}', rename the folder:\n  mv {short} {folder}"
        )


def _ask_hub(hub_name: str) -> str | None:
    """Return why neither the hub nor its cache has the model, or None if one has; one request, without retries."""
    try:
        if _cached_folder(hub_name) is not None:
            return None
        answer = get_session().head(hf_hub_url(hub_name, "config.json"), follow_redirects=True, timeout=10)
    except HFValidationError:
        return NOT_ALLOWED
    except (httpx2.HTTPError, OSError) as error:
        return f"cannot be reached ({error})"
    return None if answer.is_success else f"answers {answer.status_code}, is the name right?"
