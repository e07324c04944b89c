"""What every expert that is a network goes through: build, fit, best weights back, probabilities out."""

from latefusion.experts.build import build_network
from latefusion.experts.network import Network, fit_network, predict_products
from latefusion.experts.outputs import write_outputs
from latefusion.experts.workshop import Workshop
from latefusion.files import remove
from latefusion.training.checkpoint import best_weights, late_weights
from latefusion.weights import load_weights, save_weights


def train_network(workshop: Workshop, name: str) -> None:
    """Train an expert and leave its run folder; the weights kept are those of highest validation macro-F1."""
    run_dir, training = workshop.run_dir(name), workshop.experiment.experts[name].train
    network = build_network(workshop, name)
    progress = fit_network(
        workshop, network, workshop.prepared.part("train"), workshop.prepared.part("valid"),
        training=training, run_dir=run_dir, name=name,
    )  # fmt: skip
    best = best_weights(run_dir, progress)
    load_weights(network.model, best)
    _leave(workshop, name, network, training.batch_size, {"best_epoch": progress.best_epoch})
    if workshop.accelerator.is_main_process:
        remove(run_dir / "checkpoints")
        remove(best)


def predict_late(workshop: Workshop, name: str) -> None:
    """Leave the run folder of an expert that is a late checkpoint of another."""
    late = workshop.experiment.experts[name]
    network = build_network(workshop, late.of)
    load_weights(network.model, late_weights(workshop.run_dir(late.of), late.epochs_before_end))
    batch_size = workshop.experiment.experts[late.of].train.batch_size
    _leave(workshop, name, network, batch_size, {"of": late.of, "epochs_before_end": late.epochs_before_end})


def _leave(workshop: Workshop, name: str, network: Network, batch_size: int, facts: dict) -> None:
    run_dir = workshop.run_dir(name)
    parts = workshop.prepared.evaluation_parts
    probs = {part: predict_products(workshop, network, products, batch_size) for part, products in parts.items()}
    if workshop.accelerator.is_main_process:
        save_weights(network.model, run_dir / "model.safetensors")
        write_outputs(workshop.prepared, run_dir, probs, facts)
