"""The table of expert kinds: which functions build, check, train and preview an expert of each kind.

To add a kind:

1. write its config class, a subclass of `ExpertConfig`, and add it to the union `Expert` (`latefusion.config.experts`);
2. write a module with the functions below (networks need only `build`: `train_network` does the rest);
3. add a row to `EXPERTS`; the key is the config class's `kind`.
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
OPEN_NETWORK = "latefusion.experts.exported:open_network"


@dataclass(frozen=True)
class ExpertKind:
    """The functions of one kind of expert.

    Each is given as a string, `package.module:function`, and imported when it is needed: torch, timm and transformers
    take seconds each to import. None: the kind has no such function.

    - `train(context, name, expert)`: train the expert called `name` and write its run folder.
    - `build(context, expert, run_dir) -> Network`: build the network before training, with its datasets and collate
      function; None for kinds without a network of their own to train (tfidf, probes, late).
    - `check(experiment, expert, backbones)`: raise InputError if the network cannot be built, before any training;
      `backbones` is a dict in which the checks of one run cache the backbones they have built.
    - `find_weights(model)`: raise InputError if the pretrained weights called `model` cannot be found.
    - `preview(context, expert, products) -> list[list[np.ndarray]]`: return one row of images per product, as the
      network reads them in training.
    - `export(context, name, expert, folder)`: write the files that are needed to predict new products to `folder`.
    - `open(opening, expert) -> Predict`: read them; return the function that predicts products (`experts.exported`).
    - `restore(opening, expert) -> Restored`: for kinds whose `open` is `open_network`: return the exported network.
    - `export_inputs(context, expert, run_dir, folder)` and `restore_untrained(opening, expert) -> Restored`: of text
      experts that can be joined end to end: the same without the trained weights, which are the joint expert's.
    - `uses_accelerator`: False for experts that one process computes on the CPU.
    """

    train: str
    build: str | None = None
    check: str | None = None
    find_weights: str | None = None
    preview: str | None = None
    export: str | None = None
    restore: str | None = None
    export_inputs: str | None = None
    restore_untrained: str | None = None
    open: str | None = None
    uses_accelerator: bool = True

    def function(self, name: str) -> Callable | None:
        """Import and return the function of this name; None if the kind has none."""
        path = getattr(self, name)
        return None if path is None else resolve_name(path)

    def require(self, name: str) -> Callable:
        """Import and return the function of this name. Raises TypeError if the kind has none."""
        function = self.function(name)
        if function is None:
            raise TypeError(f"no function `{name}`: {self}")
        return function


EXPERTS = {
    "transformer": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.text.transformer:build",
        check="latefusion.experts.text.transformer_check:check_transformer",
        export="latefusion.experts.text.transformer:export_transformer",
        restore="latefusion.experts.text.transformer:restore_transformer",
        export_inputs="latefusion.experts.text.transformer:export_encoder",
        restore_untrained="latefusion.experts.text.transformer:restore_encoder",
        open=OPEN_NETWORK,
        find_weights="latefusion.plan.pretrained:find_encoder",
    ),
    "text_cnn": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.text.text_cnn:build",
        check="latefusion.experts.text.word_vectors:check_text_cnn",
        export="latefusion.experts.text.text_cnn:export_text_cnn",
        restore="latefusion.experts.text.text_cnn:restore_text_cnn",
        export_inputs="latefusion.experts.text.text_cnn:export_vocabulary",
        restore_untrained="latefusion.experts.text.text_cnn:restore_words",
        open=OPEN_NETWORK,
        find_weights="latefusion.plan.pretrained:find_vectors",
    ),
    "tfidf": ExpertKind(
        train="latefusion.experts.text.tfidf:train_tfidf",
        export="latefusion.experts.text.tfidf:export_tfidf",
        open="latefusion.experts.text.tfidf:open_tfidf",
        uses_accelerator=False,
    ),
    "text_probe": ExpertKind(
        train="latefusion.experts.probe.text:train_text_probe",
        check="latefusion.experts.text.transformer_check:check_text_probe",
        export="latefusion.experts.probe.text:export_text_probe",
        open="latefusion.experts.probe.text:open_text_probe",
        find_weights="latefusion.plan.pretrained:find_encoder",
    ),
    "cnn": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.image.cnn:build",
        check="latefusion.experts.image.check:check_cnn",
        find_weights="latefusion.plan.pretrained:find_timm",
        preview="latefusion.experts.image.cnn:preview",
        export="latefusion.experts.image.data:export_image",
        restore="latefusion.experts.image.cnn:restore_cnn",
        open=OPEN_NETWORK,
    ),
    "dcl": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.image.dcl:build",
        check="latefusion.experts.image.check:check_dcl",
        preview="latefusion.experts.image.dcl:preview",
        export="latefusion.experts.image.data:export_image",
        restore="latefusion.experts.image.dcl:restore_dcl",
        open=OPEN_NETWORK,
    ),
    "image_probe": ExpertKind(
        train="latefusion.experts.probe.image:train_image_probe",
        check="latefusion.experts.image.check:check_image_probe",
        export="latefusion.experts.probe.image:export_image_probe",
        open="latefusion.experts.probe.image:open_image_probe",
        find_weights="latefusion.plan.pretrained:find_timm",
    ),
    "joint": ExpertKind(
        train=TRAIN_NETWORK,
        build="latefusion.experts.joint.expert:build",
        export="latefusion.experts.joint.exported:export_joint",
        restore="latefusion.experts.joint.exported:restore_joint",
        open=OPEN_NETWORK,
    ),
    "late": ExpertKind(
        train="latefusion.experts.training:train_late",
        export="latefusion.experts.exported:export_late",
        open="latefusion.experts.exported:open_late",
    ),
}


def build_network(context: "Context", expert: ExpertConfig, run_dir: Path) -> "Network":
    """Build an expert's network as it is before its first epoch; random weights are drawn from the expert's seed.

    `run_dir` is the run folder of the expert that is trained. Build functions write files there that are needed again,
    such as a tokenizer.
    """
    from accelerate.utils import set_seed  # imports torch

    set_seed(expert.require_training().seed)
    return EXPERTS[expert.kind].require("build")(context, expert, run_dir)
