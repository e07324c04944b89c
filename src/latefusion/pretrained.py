"""Find pretrained weights: a folder of the user's, `weights/pretrained/`, or the Hugging Face hub and its cache."""

import logging
from pathlib import Path

import httpx2
from huggingface_hub import get_session, hf_hub_url, try_to_load_from_cache

from latefusion.errors import InputError

logger = logging.getLogger(__name__)
FOLDER = Path("weights") / "pretrained"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")


def find_encoder(model: str) -> str:
    """Return what `from_pretrained` takes for a Hugging Face encoder: a local folder, or the name on the hub.

    Raises InputError saying where it looked and how to get the weights.
    """
    return _find(model, hub_name=model)


def find_timm(model: str) -> Path | None:
    """Return the local weights file of a timm model, or None where timm is to fetch it from the hub."""
    found = Path(_find(model, hub_name=f"timm/{model}"))
    return next((found / name for name in WEIGHT_FILES[:2] if (found / name).is_file()), None)


def local_folder(model: str) -> Path | None:
    """Return the folder that holds a Hugging Face encoder on this machine, the hub's cache included."""
    for folder in (Path(model), FOLDER / Path(model).name):
        if (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHT_FILES):
            return folder
    cached = try_to_load_from_cache(model, "config.json")
    return Path(cached).parent if isinstance(cached, str) else None


def _find(model: str, hub_name: str) -> str:
    folders = [Path(model), FOLDER / Path(model).name]
    for folder in folders:
        if (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHT_FILES):
            logger.info("pretrained weights of %s: %s", model, folder)
            return str(folder)
    problem = _ask_hub(hub_name)
    if problem is None:
        logger.info("pretrained weights of %s: the Hugging Face hub, %s", model, hub_name)
        return hub_name
    looked = "\n".join(f"    {folder}/ for config.json and {WEIGHT_FILES[0]}" for folder in folders)
    raise InputError(
        f"no pretrained weights for '{model}'. Looked in\n{looked}\n    the Hugging Face hub, {hub_name}: {problem}\n"
        f"  To get them, where there is internet access: hf download {hub_name} --local-dir {folders[1]}"
    )


def _ask_hub(hub_name: str) -> str | None:
    """Return what keeps the hub, or its cache, from giving the model; asked once, so that the answer comes at once."""
    if isinstance(try_to_load_from_cache(hub_name, "config.json"), str):
        return None
    try:
        answer = get_session().head(hf_hub_url(hub_name, "config.json"), follow_redirects=True, timeout=10)
    except (httpx2.HTTPError, OSError) as error:
        return f"cannot be reached ({error})"
    return None if answer.is_success else f"answers {answer.status_code}, is the name right?"
