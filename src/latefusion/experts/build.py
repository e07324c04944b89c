"""How an expert that is a network is built, of one modality or of both."""

from accelerate.utils import set_seed

from latefusion.experts.network import Network
from latefusion.experts.single import build_single
from latefusion.experts.workshop import Workshop


def build_network(workshop: Workshop, name: str) -> Network:
    """Build an expert's network as it stands before its first epoch, seeded."""
    expert, run_dir = workshop.experiment.experts[name], workshop.run_dir(name)
    if expert.kind != "joint":
        return build_single(workshop, expert, run_dir)
    from latefusion.experts.joint import build  # it imports what both modalities need, which takes seconds

    set_seed(expert.train.seed)
    return build(workshop, expert, run_dir)
