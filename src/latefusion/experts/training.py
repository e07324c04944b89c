"""Train a network expert: build, fit, load the best weights, predict, write the run folder.

Test probabilities are those of the epoch with the highest score on valid (`metric` of the config). On validation
products these would make the scores too high, because the same products chose the epoch. So each validation fold gets
the probabilities of the epoch that is best on the other folds (see `metrics.selection`). With `train.epoch: last` all
are those of the last epoch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.config import ExpertConfig, LateExpert, Training
from latefusion.experts.context import Context
from latefusion.experts.kinds import build_network
from latefusion.experts.network import Network, predict_products
from latefusion.metrics.selection import CrossSelection, LastEpoch, Selection
from latefusion.plan.records import verified
from latefusion.tables.label_issues import fusion_targets
from latefusion.training.checkpoint import best_weights, late_weights
from latefusion.training.loaders import Data
from latefusion.training.loop import Fitted, fit
from latefusion.utils.weights import load_weights, save_weights


def train_network(context: Context, name: str, expert: ExpertConfig) -> None:
    """Train an expert and write its run folder, with the weights of the epoch that `train.epoch` says."""
    run_dir, training = context.experiment.expert_dir(name), expert.require_training()
    network = build_network(context, expert, run_dir)
    validation = _validation(context, expert)
    fitted = fit_network(
        context, network, context.dataset.select("train"), validation,
        training=training, run_dir=run_dir, name=name,
    )  # fmt: skip
    best = best_weights(run_dir, fitted.progress)
    load_weights(network.model, best)
    assert fitted.valid_probs is not None  # there are validation products
    probs = {"valid": fitted.valid_probs, "test": _predict(context, network, "test", training.batch_size)}
    _write_run(context, name, network, probs, {"best_epoch": fitted.progress.best_epoch})


def train_late(context: Context, name: str, late: LateExpert) -> None:
    """Write the run folder of an expert that is a late checkpoint of another, its parent."""
    parent, parent_dir = context.experiment.experts[late.of], context.experiment.expert_dir(late.of)
    network = build_network(context, parent, parent_dir)
    late_file = late_weights(parent_dir, late.epochs_before_end)
    load_weights(network.model, verified(late_file.parent, late_file.name))
    batch_size = parent.require_training().batch_size
    probs = {split: _predict(context, network, split, batch_size) for split in context.dataset.evaluation_splits}
    _write_run(context, name, network, probs, {"of": late.of, "epochs_before_end": late.epochs_before_end})


@dataclass(frozen=True)
class Validation:
    """The validation products of a training run, and the selection of the epochs of their probabilities."""

    products: pd.DataFrame
    selection: Selection


def _validation(context: Context, expert: ExpertConfig) -> Validation:
    """Return the validation products.

    For an expert that is trained without label issues, removed ones do not count in the selection of epochs.
    """
    dataset = context.dataset
    products, num_classes, metric = dataset.select("valid"), len(dataset.classes), context.experiment.chosen_by
    targets = fusion_targets(context.experiment, dataset) if expert.trains_on_clean else dataset.targets(products)
    if not expert.chooses_epoch:
        return Validation(products, LastEpoch(targets, num_classes, metric))
    return Validation(products, CrossSelection(targets, dataset.selection_folds(), num_classes, metric))


def fit_network(
    context: Context,
    network: Network,
    train: pd.DataFrame,
    valid: Validation | None,
    *,
    training: Training,
    run_dir: Path,
    name: str,
    section: str | None = None,
) -> Fitted:
    """Fit a network on the products in `train`; without validation products, the best epoch is the last.

    `section` is the config key of `training`, for messages; the default is `train` of the expert `name`.
    """
    data = Data(
        train=network.train_set(network.training_products(train)),
        collate=network.collate,
        valid=None if valid is None else network.eval_set(valid.products),
        selection=None if valid is None else valid.selection,
        drop_last=network.drop_last,
    )
    return fit(
        context.accelerator, network.model, network.param_groups, data,
        training=training, hardware=context.experiment.hardware, run_dir=run_dir, name=name,
        section=section or f"experts.{name}.train",
    )  # fmt: skip


def _predict(context: Context, network: Network, split: str, batch_size: int) -> np.ndarray:
    return predict_products(context, network, context.dataset.evaluation_splits[split], batch_size)


def _write_run(context: Context, name: str, network: Network, probs: dict[str, np.ndarray], facts: dict) -> None:
    """Write weights, probabilities and metrics to the expert's run folder."""
    run_dir = context.experiment.expert_dir(name)
    if context.accelerator.is_main_process:
        save_weights(network.model.state_dict(), run_dir / "model.safetensors")
        context.write_outputs(run_dir, probs, network.facts | facts)
