"""How an expert that reads one modality by a network is built, whatever its kind."""

from pathlib import Path

from accelerate.utils import set_seed

from latefusion.config import CnnExpert, DclExpert, TransformerExpert
from latefusion.experts.context import Context
from latefusion.experts.network import Network


def build_single(context: Context, expert: TransformerExpert | CnnExpert | DclExpert, run_dir: Path) -> Network:
    """Build an expert in a run folder as it stands before its first epoch, with the random numbers of its own seed."""
    if expert.kind == "transformer":  # imported here: transformers and timm take seconds each
        from latefusion.experts.text.transformer import build
    elif expert.kind == "cnn":
        from latefusion.experts.image.cnn import build
    else:
        from latefusion.experts.image.dcl import build
    set_seed(expert.train.seed)
    return build(context, expert, run_dir)
