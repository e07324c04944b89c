"""What every expert that is a network goes through: build, fit, best weights back, probabilities out.

Test probabilities are by the weights of highest validation macro-F1. Those of the validation products, which are fused
and scored, are not: each product's are by the epoch that is best on others (see `selection`).
"""

import numpy as np

from latefusion.experts.build import build_network
from latefusion.experts.context import Context
from latefusion.experts.network import Network, fit_network, predict_products, validation
from latefusion.experts.outputs import write_outputs
from latefusion.plan.records import sound
from latefusion.training.checkpoint import best_weights, late_weights
from latefusion.utils.weights import load_weights, save_weights


def train_network(context: Context, name: str) -> None:
    """Train an expert and leave its run folder; the weights kept are those of highest validation macro-F1."""
    run_dir, expert = context.run_dir(name), context.experiment.experts[name]
    network = build_network(context, name)
    fitted = fit_network(
        context, network, context.dataset.part("train"), validation(context, getattr(expert, "train_on", "all")),
        training=expert.train, run_dir=run_dir, name=name,
    )  # fmt: skip
    best = best_weights(run_dir, fitted.progress)
    load_weights(network.model, best)
    probs = {"valid": fitted.valid_probs, "test": _predict(context, network, "test", expert.train.batch_size)}
    _leave(context, name, network, probs, {"best_epoch": fitted.progress.best_epoch})


def predict_late(context: Context, name: str) -> None:
    """Leave the run folder of an expert that is a late checkpoint of another."""
    late = context.experiment.experts[name]
    network = build_network(context, late.of)
    late_file = late_weights(context.run_dir(late.of), late.epochs_before_end)
    load_weights(network.model, sound(late_file.parent, late_file.name))
    batch_size = context.experiment.experts[late.of].train.batch_size
    probs = {part: _predict(context, network, part, batch_size) for part in context.dataset.evaluation_parts}
    _leave(context, name, network, probs, {"of": late.of, "epochs_before_end": late.epochs_before_end})


def _predict(context: Context, network: Network, part: str, batch_size: int) -> np.ndarray:
    return predict_products(context, network, context.dataset.evaluation_parts[part], batch_size)


def _leave(context: Context, name: str, network: Network, probs: dict[str, np.ndarray], facts: dict) -> None:
    run_dir = context.run_dir(name)
    if context.accelerator.is_main_process:
        save_weights(network.model.state_dict(), run_dir / "model.safetensors")
        write_outputs(context.dataset, run_dir, probs, facts)
