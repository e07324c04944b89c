"""How an expert that is a network is built, whatever its kind."""

from pathlib import Path

from accelerate.utils import set_seed

from latefusion.config import Expert
from latefusion.experts.network import Network
from latefusion.experts.workshop import Workshop


def build_network(workshop: Workshop, name: str) -> Network:
    """Build an expert's network as it stands before its first epoch, seeded."""
    return build_seeded(workshop, workshop.experiment.experts[name], workshop.run_dir(name))


def build_seeded(workshop: Workshop, expert: Expert, run_dir: Path) -> Network:
    """Build an expert in a run folder, with the random numbers of its own seed."""
    if expert.kind == "transformer":  # imported here: transformers and timm take seconds each
        from latefusion.experts.transformer import build
    elif expert.kind == "cnn":
        from latefusion.experts.cnn import build
    elif expert.kind == "dcl":
        from latefusion.experts.dcl import build
    else:
        from latefusion.experts.joint import build
    set_seed(expert.train.seed)
    return build(workshop, expert, run_dir)
