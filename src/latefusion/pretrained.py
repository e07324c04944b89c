"""Find pretrained weights: a folder of the user's, `weights/pretrained/`, or the Hugging Face hub and its cache."""

import logging
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

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


def _find(model: str, hub_name: str) -> str:
    folders = [Path(model), FOLDER / Path(model).name]
    for folder in folders:
        if (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHT_FILES):
            logger.info("pretrained weights of %s: %s", model, folder)
            return str(folder)
    try:
        hf_hub_download(hub_name, "config.json")
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"no pretrained weights for '{model}'. Looked for config.json and {WEIGHT_FILES[0]} in\n"
            + "".join(f"  {folder}/\n" for folder in folders)
            + f"  the Hugging Face hub and its cache, as {hub_name} ({reason})\n"
            f"To get them: `hf download {hub_name} --local-dir {folders[1]}` on a machine with internet access, "
            "and copy that folder here."
        ) from None
    logger.info("pretrained weights of %s: the Hugging Face hub, %s", model, hub_name)
    return hub_name
