"""Try networks before the first one trains: what cannot be built is said in seconds, not after days of the others.

Each is built once on torch's meta device, where tensors have shapes and no numbers, and looks at one image of the size
that it is to read. Encoders are checked without their weights, where their files are on this machine.
"""

import logging
import os
from collections.abc import Callable, Collection
from typing import TypeVar

import torch

from latefusion.config import CnnExpert, DclExpert, EndToEndJointExpert, Experiment, Training, TransformerExpert
from latefusion.plan.pretrained import local_folder
from latefusion.training.batches import sharing_problem
from latefusion.utils.errors import InputError, list_problems
from latefusion.utils.nearest import nearest

Tried = CnnExpert | DclExpert | TransformerExpert
T = TypeVar("T")
logger = logging.getLogger(__name__)
N_CLASSES = 2  # any number does: how many there are changes no other shape

# What libraries raise where arguments do not go together: a wrong name, size or type, deep within a network.
BUILD_ERRORS = (TypeError, ValueError, AssertionError, RuntimeError, AttributeError, LookupError, ArithmeticError)


class _NeedsNumbers(Exception):
    """A network computes with its numbers while it is built, which the meta device has none of."""


def check_networks(experiment: Experiment, names: Collection[str]) -> None:
    """Try the networks of jobs, called as in the plan; of other kinds of jobs nothing is tried.

    Raises one InputError that lists all networks that cannot be built, or cannot read what they are given.
    """
    problems = _hardware_problems(experiment) + _batch_problems(experiment, names)
    backbones: dict[str, torch.nn.Module] = {}
    for key, expert in _networks(experiment, names).items():
        try:
            if isinstance(expert, TransformerExpert):
                _try_encoder(expert)
            else:
                _try_image_network(experiment, expert, backbones)
        except _NeedsNumbers as error:
            logger.info("%s is not tried, its training will tell: %s", key, error)
        except InputError as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise list_problems("these cannot be trained as they are:", problems, "change the config; nothing was trained")


def _networks(experiment: Experiment, names: Collection[str]) -> dict[str, Tried]:
    """Return the experts whose networks the jobs start anew, by their key in the config."""
    found: dict[str, Tried] = {}
    for name in names:
        expert = experiment.experts.get(name)
        sources = (expert.text, expert.image) if isinstance(expert, EndToEndJointExpert) else (name,)
        found |= {f"experts.{source}": experiment.experts.get(source) for source in sources}
    if "denoise" in names and experiment.denoise is not None:
        found["denoise.network"] = experiment.denoise.network
    return {key: expert for key, expert in found.items() if isinstance(expert, Tried)}


def _hardware_problems(experiment: Experiment) -> list[str]:
    if experiment.hardware.mixed_precision == "fp16" and not torch.cuda.is_available():
        return ["hardware.mixed_precision: fp16 needs a GPU, and there is none; take auto"]
    return []


def _batch_problems(experiment: Experiment, names: Collection[str]) -> list[str]:
    """Return a line for each batch that cannot be shared out among processes and accumulation steps."""
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    trained: dict[str, Training] = {
        f"experts.{name}": experiment.experts[name].train
        for name in names
        if hasattr(experiment.experts.get(name), "train")
    }
    if "denoise" in names and experiment.denoise is not None:
        trained["denoise.network"] = experiment.denoise.network.train
    problems = {key: sharing_problem(training, n_processes) for key, training in trained.items()}
    return [f"{key}.{problem}" for key, problem in problems.items() if problem is not None]


def _try_image_network(
    experiment: Experiment, expert: CnnExpert | DclExpert, backbones: dict[str, torch.nn.Module]
) -> None:
    stage_1 = experiment.stage_1(expert)
    _check_timm_name(stage_1.model)
    from latefusion.experts.image.cnn import ImageClassifier, TimmBackbone  # after the name: it takes seconds more
    from latefusion.experts.image.dcl import DclClassifier

    key = f"{stage_1.model} {stage_1.model_args}"
    if key not in backbones:  # many experts share one
        backbones[key] = _on_meta(
            lambda: TimmBackbone(stage_1, pretrained=False),
            f"timm cannot build {stage_1.model} with the model_args {stage_1.model_args}",
        )
    net = backbones[key]

    def look() -> None:
        is_dcl = isinstance(expert, DclExpert)
        model = DclClassifier(net, N_CLASSES, expert) if is_dcl else ImageClassifier(net, N_CLASSES)
        side = expert.image.crop
        model.eval()(torch.zeros(1, side, side, 3, dtype=torch.uint8))

    _on_meta(look, f"{stage_1.model} cannot read images of {expert.image.crop} pixels (image.crop)")


def _on_meta(build: Callable[[], T], failure: str) -> T:
    """Build or run a network on the meta device. Raises InputError that begins with `failure`."""
    try:
        with torch.device("meta"), torch.no_grad():
            return build()
    except (InputError, *BUILD_ERRORS) as error:
        if "meta tensor" in str(error) or "'Meta'" in str(error):
            raise _NeedsNumbers(str(error)) from None
        if isinstance(error, InputError):
            raise
        raise InputError(f"{failure}: {error or type(error).__name__}") from None


def _check_timm_name(model: str) -> None:
    """Raise InputError with the nearest name where timm has no such network, or no such weights of it."""
    import timm

    name, _, tag = model.partition(".")
    if not timm.is_model(name):
        _raise_unknown(f"timm has no network '{name}'", name, timm.list_models())
    tagged = timm.list_models(name, pretrained=True)
    if tag and model not in tagged:
        _raise_unknown(f"timm has no weights '{tag}' of {name}", model, tagged)


def _raise_unknown(problem: str, word: str, known: list[str]) -> None:
    near = nearest(word, known)
    raise InputError(f"model: {problem}" + (f"; did you mean '{near}'?" if near else ""))


def _try_encoder(expert: TransformerExpert) -> None:
    if expert.model is None:  # the config has checked what can be wrong with an encoder from scratch
        return
    folder = local_folder(expert.model)
    if folder is None:  # on the hub
        return
    from latefusion.experts.text.pretrained_encoder import check_encoder  # transformers takes seconds

    encoder = _on_meta(
        lambda: check_encoder(folder, max_length=expert.max_length, dropout=expert.dropout),
        f"{folder} cannot be built",
    )
    if expert.train.gradient_checkpointing and not encoder.supports_gradient_checkpointing:
        raise InputError(f"train.gradient_checkpointing: a {encoder.config.model_type} encoder has none")
