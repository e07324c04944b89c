"""How an expert that is a network is built, of one modality or of both."""

from accelerate.utils import set_seed

from latefusion.experts.context import Context
from latefusion.experts.network import Network
from latefusion.experts.single import build_single


def build_network(context: Context, name: str) -> Network:
    """Build an expert's network as it stands before its first epoch, seeded."""
    expert, run_dir = context.experiment.experts[name], context.run_dir(name)
    if expert.kind != "joint":
        return build_single(context, expert, run_dir)
    from latefusion.experts.joint.expert import build  # it imports what both modalities need, which takes seconds

    set_seed(expert.train.seed)
    return build(context, expert, run_dir)
