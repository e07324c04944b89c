"""The tfidf expert: TF-IDF of words and character n-grams, a linear support vector machine, calibrated.

Title and description are concatenated: on small catalogues this was better than one vocabulary for each.
"""

import logging

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.svm import LinearSVC
from tqdm import tqdm

from latefusion.config import TfidfExpert
from latefusion.dataset.cleaning import clean
from latefusion.dataset.split import assign_folds, groups_of, stratified_sample
from latefusion.experts.context import Context
from latefusion.experts.text.vocabularies import fit_vocabularies
from latefusion.metrics.calibration import fit_temperature
from latefusion.utils.errors import InputError
from latefusion.utils.files import atomic_write

logger = logging.getLogger(__name__)


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
    with atomic_write(run_dir / "model.joblib") as partial:
        joblib.dump(model, partial)
    context.write_outputs(run_dir, probs, model.facts)


def texts(products: pd.DataFrame, expert: TfidfExpert) -> list[str]:
    """Return the cleaned title and description of each product as one text."""
    descriptions = products["description"].fillna("")
    return [
        clean(f"{title} {text}", expert.cleaning) for title, text in zip(products["title"], descriptions, strict=True)
    ]


class TfidfClassifier:
    """One-versus-rest linear SVM on sparse TF-IDF features; the probabilities are a softmax of its margins.

    C, the inverse regularisation strength, is the candidate with the lowest log loss in cross-validation on about
    `cv_products` products. The temperature of the softmax is fitted on out-of-fold margins of all training products
    (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).
    """

    def __init__(self, expert: TfidfExpert, name: str = "tfidf"):
        self.expert, self.name = expert, name

    def __getstate__(self) -> dict:
        """Return the state without `id(None)`, which scikit-learn keeps: it differs between processes.

        Otherwise the file of an expert that is trained again would differ, and all that depends on it would be redone.
        """
        for _, vectorizer in self.vectorizer.transformer_list:
            vars(vectorizer).pop("_stop_words_id", None)
        return self.__dict__

    def fit(self, texts: list[str], targets: np.ndarray, groups: np.ndarray | None = None) -> "TfidfClassifier":
        """Fit on (N,) texts and class numbers; every class 0 .. K-1 must occur.

        `groups` (N,) number the groups of near-duplicates. A group is kept in one fold: a product with a near-duplicate
        in the training folds is too easy to classify. Raises InputError if there are too few texts for the settings.
        """
        expert = self.expert
        self._refuse_too_few(len(texts), groups)
        self.vectorizer, features = fit_vocabularies(texts, expert, self.name)
        sample = stratified_sample(targets, expert.cv_products, expert.seed, groups)
        sampled_groups = None if groups is None else groups[sample]
        is_full = len(sample) == len(targets)
        n_fits = expert.n_folds * (len(expert.regularisation) + (not is_full)) + 1
        with tqdm(total=n_fits, desc="tfidf", unit="fit", disable=None) as bar:
            search = {}
            for C in expert.regularisation:
                margins = _out_of_fold_margins(features[sample], targets[sample], sampled_groups, C, expert, bar)
                search[C] = fit_temperature(margins, targets[sample])
                logger.info("%s: C %g: log loss %.4f in %d folds", self.name, C, search[C][1], expert.n_folds)
            C = min(search, key=lambda C: search[C][1])
            if not is_full:
                search[C] = fit_temperature(_out_of_fold_margins(features, targets, groups, C, expert, bar), targets)
            self.classifier = LinearSVC(C=C, random_state=expert.seed).fit(features, targets)
            bar.update()
        self.temperature, log_loss = search[C]
        self.facts = {"features": features.shape[1], "C": C, "temperature": self.temperature, "oof_log_loss": log_loss}
        return self

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """Return (N, K) float32 probabilities."""
        margins = _margins(self.classifier, self.vectorizer.transform(texts))
        return np.exp(log_softmax(margins / self.temperature, axis=1)).astype(np.float32)

    def _refuse_too_few(self, n_texts: int, groups: np.ndarray | None) -> None:
        key, expert = f"experts.{self.name}", self.expert
        n_units = n_texts if groups is None else len(np.unique(groups))
        if n_units < expert.n_folds:
            units = "training products" if groups is None else "groups of near-duplicates among the training products"
            raise InputError(
                f"{key}.n_folds {expert.n_folds}: there are {n_units} {units}; lower it to {n_units} or less"
            )
        if n_texts < expert.min_df:
            raise InputError(f"{key}.min_df {expert.min_df}: there are {n_texts} training products; lower it")


def _out_of_fold_margins(
    features: csr_matrix, targets: np.ndarray, groups: np.ndarray | None, C: float, expert: TfidfExpert, bar: tqdm
) -> np.ndarray:
    """Return (N, K): the margins of each product by a classifier trained on the other folds.

    The features come from a vocabulary of all products, which uses no labels. A class without training products outside
    the fold gets the lowest margin of the row.
    """
    folds = assign_folds(targets, expert.n_folds, expert.seed, groups)

    def held_out(fold: int) -> np.ndarray:
        if len(np.unique(targets[folds != fold])) == 1:  # two classes, one with a single product
            return np.zeros((int((folds == fold).sum()), targets.max() + 1))
        classifier = LinearSVC(C=C, random_state=expert.seed).fit(features[folds != fold], targets[folds != fold])
        margins = _margins(classifier, features[folds == fold])
        all_margins = np.repeat(margins.min(axis=1, keepdims=True), targets.max() + 1, axis=1)
        all_margins[:, classifier.classes_] = margins
        return all_margins

    margins = np.empty((len(targets), targets.max() + 1))
    for fold in np.unique(folds):  # not in threads: liblinear has one global random generator
        margins[folds == fold] = held_out(fold)
        bar.update()
    return margins


def _margins(classifier: LinearSVC, features: csr_matrix) -> np.ndarray:
    """Return (N, K) signed distances to each class's hyperplane; for two classes scikit-learn returns one column."""
    margins = classifier.decision_function(features)
    return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
