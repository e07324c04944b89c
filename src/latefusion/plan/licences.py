"""Find the licence of pretrained weights, without a network; what nobody has stated is never guessed.

The first of these that says: the model's own card, if its folder on this machine has one; the pip package that holds
the weights (`packages`); timm's table of weights; `STATED`, a few models that the configs name. Weights of one's own,
named by their folder, have their card alone.
"""

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import ModelCard
from yaml import YAMLError

from latefusion.plan.packages import package_of
from latefusion.plan.pretrained import local_folder

UNKNOWN = "unknown: look it up"
STATED = {  # as the pages of the models on the hub say
    "almanach/camembert-base": "mit",
    "FacebookAI/xlm-roberta-base": "mit",
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": "apache-2.0",
}
GLOVE = re.compile(r"glove\.(6B|42B|840B|twitter\.27B)\.\d+d\.txt(\.gz)?")  # as Stanford names the files


@dataclass(frozen=True)
class PretrainedWeights:
    """Pretrained weights, and under which licence they are."""

    model: str  # as the config names them
    hub_id: str | None  # their name on the Hugging Face hub; None of one's own, and of word vectors
    licence: str  # an identifier such as `apache-2.0`, or `UNKNOWN`
    said_by: str  # where the licence is stated; empty if it is unknown


def find_licence(model: str, hub_name: str | None) -> PretrainedWeights:
    """Return what is known of the pretrained weights `model`; `hub_name` as in `ExpertConfig.hub_name`."""
    if hub_name is None:
        is_glove = GLOVE.fullmatch(Path(model).name) is not None
        said = ("pddl", "nlp.stanford.edu/projects/glove") if is_glove else (UNKNOWN, "")
        return PretrainedWeights(model, None, *said)
    if Path(model).is_dir():
        return PretrainedWeights(model, None, *(_by_own_card(model) or (UNKNOWN, "")))
    package = package_of(hub_name)
    if package is not None:
        return PretrainedWeights(
            model, package.model, *(_by_own_card(model) or (package.license.lower(), f"the package {package.name}"))
        )
    if hub_name.startswith("timm/"):
        return _of_timm(model, hub_name)
    stated = STATED.get(hub_name)
    said = (UNKNOWN, "") if stated is None else (stated, f"huggingface.co/{hub_name}")
    return PretrainedWeights(model, hub_name, *(_by_own_card(model) or said))


def _by_own_card(model: str) -> tuple[str, str] | None:
    """Return the licence that the card in the model's folder states, and which file that is; None without either."""
    folder = local_folder(model)
    if folder is None or not (folder / "README.md").is_file():
        return None
    try:
        data = ModelCard.load(folder / "README.md", ignore_metadata_errors=True).data.to_dict()
    except (ValueError, YAMLError):
        return None
    stated = data.get("license_name") if data.get("license") == "other" else data.get("license")
    return (stated, f"{folder}/README.md") if isinstance(stated, str) and stated != "unknown" else None


def _of_timm(model: str, hub_name: str) -> PretrainedWeights:
    import timm  # here: it takes seconds

    cfg = timm.get_pretrained_cfg(model, allow_unregistered=True)
    hub_id = (cfg and cfg.hf_hub_id) or hub_name
    stated = cfg and cfg.license
    said = (UNKNOWN, "") if stated in (None, "unknown") else (stated, f"timm {version('timm')}")
    return PretrainedWeights(model, hub_id, *(_by_own_card(model) or said))
