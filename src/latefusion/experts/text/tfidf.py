"""The tfidf expert: TF-IDF of words and character n-grams, a linear support vector machine, calibrated.

Title and description are concatenated: on small catalogues this was better than one vocabulary for each.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from latefusion.config import TfidfExpert
from latefusion.dataset.cleaning import clean
from latefusion.dataset.split import groups_of
from latefusion.experts.context import Context
from latefusion.experts.exported import WEIGHTS, Opening, Predict, copy_results
from latefusion.experts.linear import Features, fit_linear, refuse_too_few, weights_of
from latefusion.experts.margins import Calibration, calibration_of
from latefusion.experts.text.fields import read_fields
from latefusion.experts.text.vocabularies import Vocabularies, fit_vocabularies
from latefusion.utils.arrays import save_arrays
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)
VOCABULARY = "vocabulary.parquet"


def train_tfidf(context: Context, name: str, expert: TfidfExpert) -> None:
    """Fit on the training products and write the expert's run folder, on the main process only."""
    if not context.accelerator.is_main_process:
        return
    dataset = context.dataset
    train = dataset.select("train")
    logger.info("%s: fitting %d texts", name, len(train))
    model = TfidfClassifier(expert, name).fit(
        texts(train, expert), dataset.targets(train), groups_of(train, dataset.split)
    )
    probs = {
        split: model.predict_proba(texts(products, expert)) for split, products in dataset.evaluation_splits.items()
    }
    run_dir = context.experiment.expert_dir(name)
    model.save(run_dir)
    context.write_outputs(run_dir, probs, model.facts)


def export_tfidf(context: Context, name: str, expert: TfidfExpert, folder: Path) -> None:
    """Copy the classifier."""
    copy_results(context, name, folder, VOCABULARY, WEIGHTS)


def open_tfidf(opening: Opening, expert: TfidfExpert) -> Predict:
    """Return the function that predicts products."""
    model = TfidfClassifier.load(opening.folder, expert)
    return lambda products, images: model.predict_proba(texts(products, expert))


def texts(products: pd.DataFrame, expert: TfidfExpert) -> list[str]:
    """Return what the expert reads of each product, title, description or both, as one cleaned text."""
    return [clean(" ".join(pair), expert.cleaning) for pair in read_fields(products, expert)]


class SeveralSVM:
    """A linear SVM for each of several labels, which scikit-learn's `LinearSVC` does not fit at once.

    After `fit`: `classes_` (K,), `coef_` (K, F) and `intercept_` (K,). A class that all products have, or none, has no
    weights and the margin 1 or -1, at which a SVM has no loss.
    """

    classes_: np.ndarray
    coef_: np.ndarray  # float32: there can be thousands of classes
    intercept_: np.ndarray

    def __init__(self, C: float, random_state: int):
        self.C, self.random_state = C, random_state

    def fit(self, features: Features, targets: np.ndarray) -> "SeveralSVM":
        """Fit on (N, F) features and (N, K) labels, 0 or 1."""
        num_classes = targets.shape[1]
        self.classes_, self.coef_ = np.arange(num_classes), np.zeros((num_classes, features.shape[1]), np.float32)
        self.intercept_ = np.where(targets[0] > 0, 1, -1).astype(np.float32)
        for label in np.flatnonzero((targets != targets[0]).any(axis=0)):
            svm = LinearSVC(C=self.C, random_state=self.random_state).fit(features, targets[:, label])
            self.coef_[label], self.intercept_[label] = svm.coef_[0], svm.intercept_[0]
        return self

    def decision_function(self, features: Features) -> np.ndarray:
        """Return (N, K) margins."""
        return features @ self.coef_.T + self.intercept_


class TfidfClassifier:
    """One-versus-rest linear SVM on sparse TF-IDF features, regularised and calibrated as `experts.linear` describes.

    The features come from a vocabulary of all training products, which uses no labels. `weights` (F, K) and `bias` (K,)
    give the margins.
    """

    vocabularies: Vocabularies
    weights: np.ndarray  # float32
    bias: np.ndarray  # float32
    calibration: Calibration

    def __init__(self, expert: TfidfExpert, name: str = "tfidf"):
        self.expert, self.name = expert, name

    def fit(self, texts: list[str], targets: np.ndarray, groups: np.ndarray | None = None) -> "TfidfClassifier":
        """Fit on N texts and (N,) class numbers or (N, K) several labels; every class 0 .. K-1 must occur.

        `groups` (N,) number the groups of near-duplicates. Raises InputError if there are too few texts for the
        settings.
        """
        expert, name = self.expert, self.name
        refuse_too_few(len(texts), groups, n_folds=expert.n_folds, name=name, what="training products")
        if len(texts) < expert.min_df:
            raise InputError(
                f"experts.{name}.min_df {expert.min_df}: there are {len(texts)} training products; lower it"
            )
        self.vocabularies, features = fit_vocabularies(texts, expert, name)
        # In one thread: liblinear has one global random generator.
        kind = SeveralSVM if targets.ndim == 2 else LinearSVC
        fit = fit_linear(
            lambda C: kind(C=C, random_state=expert.seed), features, targets, groups, expert=expert, name=name
        )
        self.weights, self.bias = weights_of(fit.classifier)
        self.calibration = fit.calibration
        self.facts = {"features": features.shape[1]} | fit.facts
        return self

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """Return (N, K) float32 probabilities."""
        return self.probabilities(self.vocabularies.transform(texts))

    def probabilities(self, features: csr_matrix) -> np.ndarray:
        """Return (N, K) float32 probabilities for (N, F) features."""
        return self.calibration(features @ self.weights + self.bias)

    def save(self, run_dir: Path) -> None:
        """Write `vocabulary.parquet` and `model.safetensors`."""
        self.vocabularies.save(run_dir / VOCABULARY)
        calibration = {name: np.array(number) for name, number in self.calibration.numbers.items()}
        save_arrays({"weights": self.weights, "bias": self.bias} | calibration, run_dir / "model.safetensors")

    @classmethod
    def load(cls, run_dir: Path, expert: TfidfExpert) -> "TfidfClassifier":
        """Read what `save` wrote; `expert` is the config that it was fitted with."""
        model, arrays = cls(expert), load_file(run_dir / "model.safetensors")
        model.vocabularies = Vocabularies.load(run_dir / VOCABULARY, expert)
        model.weights, model.bias, model.calibration = arrays["weights"], arrays["bias"], calibration_of(arrays)
        return model
