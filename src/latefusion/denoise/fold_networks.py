"""Denoising: find products whose image contradicts their label, by confident learning.

Image networks predict out-of-fold probabilities of the training products that have an image; from these cleanlab flags
and ranks label issues (Northcutt et al., "Confident Learning", JAIR 2021). The most suspicious products are removed
from the training set of the experts with `train_on: clean`.

Validation products are not checked by default: removing the difficult ones would make the scores too high. With
`clean_valid` they are checked too. Then the removed ones are not used to choose the epochs of experts with
`train_on: clean`, to train policies, or to compute validation scores.

Writes `weights/<experiment>/denoise/`: `oof_probs.parquet`, `label_issues.parquet` (most suspicious first: given label,
suggested label, normalised margin, the probabilities of both labels, whether removed), the gallery `label_issues.html`,
and `metrics.json`.
"""

import logging

import numpy as np
import pandas as pd
from accelerate.utils import set_seed

from latefusion.denoise.gallery import THUMBNAIL, gallery_html
from latefusion.denoise.ranking import rank_label_issues
from latefusion.experts.context import Context
from latefusion.experts.image import cnn
from latefusion.experts.image.data import training_products
from latefusion.experts.network import predict_products
from latefusion.experts.training import fit_network
from latefusion.metrics.f1 import macro_f1
from latefusion.tables.label_choices import kept_labels
from latefusion.tables.probabilities import read_probs, write_probs
from latefusion.training.checkpoint import best_weights
from latefusion.utils.files import atomic_write, write_json, write_text
from latefusion.utils.progress import part
from latefusion.utils.seeds import derive_seed
from latefusion.utils.weights import load_weights

logger = logging.getLogger(__name__)


def denoise(context: Context) -> None:
    """Find label issues among the products that have an image, and mark the ones to remove."""
    settings, dataset = context.experiment.require_denoise(), context.dataset
    run_dir, images = context.experiment.denoise_dir, context.images  # opened by all processes together
    products = training_products(context, dataset.select(*settings.splits), "all")
    targets = dataset.targets(products)
    pred_probs = _out_of_fold_probs(context, products)
    if not context.accelerator.is_main_process:
        return
    write_probs(run_dir / "oof_probs.parquet", products.index, pred_probs, dataset.classes)
    kept = kept_labels(context.experiment)
    issues = rank_label_issues(products.index, targets, pred_probs, dataset.classes, settings, kept)
    with atomic_write(run_dir / "label_issues.parquet") as partial:
        issues.to_parquet(partial)
    html = gallery_html(issues, products["title"], lambda id_: images.read(id_, THUMBNAIL), settings.gallery)
    write_text(run_dir / "label_issues.html", html)
    write_json(
        run_dir / "metrics.json",
        {
            "products": len(products),
            "flagged": len(issues),
            "removed": int(issues["removed"].sum()),
            "oof_macro_f1": macro_f1(targets, pred_probs.argmax(axis=1)),
        },
    )
    logger.info("denoise: %d of %d flagged, %d removed", len(issues), len(products), issues["removed"].sum())


def _out_of_fold_probs(context: Context, products: pd.DataFrame) -> np.ndarray:
    """Return (N, C): each product's probabilities by the network of the fold that holds it out."""
    settings = context.experiment.require_denoise()
    folds = context.dataset.folds(products, settings.n_folds, derive_seed(settings.network.train.seed, "denoise"))
    pred_probs = np.full((len(products), len(context.dataset.classes)), np.nan, dtype=np.float32)
    for fold in range(settings.n_folds):
        train, held_out = products[folds != fold], products[folds == fold]
        with part(fold, settings.n_folds):
            pred_probs[folds == fold] = _fold_probs(context, fold, train, held_out)
    return pred_probs


def _fold_probs(context: Context, fold: int, train: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    """Train the network of a fold and predict its held-out products; if the fold is done, read its probabilities."""
    network_settings = context.experiment.require_denoise().network
    fold_dir = context.experiment.denoise_dir / "folds" / f"fold-{fold}"
    path = fold_dir / "probs.parquet"
    done = path.exists()
    context.accelerator.wait_for_everyone()
    if done:
        return read_probs(path, held_out.index, context.dataset.classes)
    set_seed(derive_seed(network_settings.train.seed, "fold", fold))
    network = cnn.build(context, network_settings, fold_dir)
    # The last epoch is kept: if the held-out fold chose the epoch, its probabilities would not be out of fold.
    fitted = fit_network(
        context, network, train, None,
        training=network_settings.train, run_dir=fold_dir, name=f"denoise fold {fold}",
        section="denoise.network.train",
    )  # fmt: skip
    load_weights(network.model, best_weights(fold_dir, fitted.progress))
    probs = predict_products(context, network, held_out, network_settings.train.batch_size)
    if context.accelerator.is_main_process:
        write_probs(path, held_out.index, probs, context.dataset.classes)
    return probs
