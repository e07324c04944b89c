"""The kinds of experts: a row for each, with the functions that serve it.

To add a kind: a config class (`latefusion.config.experts`), a module with these functions, and a row here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from latefusion.config import ExpertConfig

if TYPE_CHECKING:
    from latefusion.experts.context import Context
    from latefusion.experts.network import Network

TRAIN_NETWORK = "latefusion.experts.training:train_network"


@dataclass(frozen=True)
class ExpertKind:
    """Functions by name, `package.module:function`: imported when needed, since torch's relatives take seconds each."""

    train: str  # (context, name): do the expert's job and leave its run folder
    build: str | None = None  # (context, expert, run_dir) -> Network; None: not a network of its own
    check: str | None = None  # (experiment, expert, backbones): raise InputError where the network cannot be built
    find_weights: str | None = None  # (model): raise InputError where pretrained weights are not to be had
    preview: str | None = None  # (context, expert, products) -> rows of images to draw
    uses_accelerator: bool = True  # False: computed on the CPU by one process

    def function(self, name: str) -> Callable | None:
        """Return one of the kind's functions, None where it has none of that name."""
        path = getattr(self, name)
        return None if path is None else resolve_name(path)


EXPERTS = {
    "transformer": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.text.transformer:build",
        check="latefusion.experts.text.transformer_check:check_transformer",
        find_weights="latefusion.plan.pretrained:find_encoder",
    ),
    "tfidf": ExpertKind(train="latefusion.experts.text.tfidf:train_tfidf", uses_accelerator=False),
    "cnn": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.image.cnn:build",
        check="latefusion.experts.image.check:check_cnn",
        find_weights="latefusion.plan.pretrained:find_timm",
        preview="latefusion.experts.image.cnn:preview",
    ),
    "dcl": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.image.dcl:build",
        check="latefusion.experts.image.check:check_dcl",
        preview="latefusion.experts.image.dcl:preview",
    ),
    "joint": ExpertKind(train=TRAIN_NETWORK, build="latefusion.experts.joint.expert:build"),
    "late": ExpertKind(train="latefusion.experts.training:train_late"),
}


def build_network(context: "Context", expert: ExpertConfig, run_dir: Path) -> "Network":
    """Build an expert's network in a run folder as it is before its first epoch, with its own seed."""
    from accelerate.utils import set_seed  # imports torch

    set_seed(expert.training.seed)
    return EXPERTS[expert.kind].function("build")(context, expert, run_dir)
