"""The text expert that needs no weights: TF-IDF of words and characters, a linear support vector machine, calibrated.

Title and description are read as one text: on small catalogues that was better than a vocabulary for each.
"""

import logging

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_union
from sklearn.svm import LinearSVC
from tqdm import tqdm

from latefusion.calibration import fit_temperature
from latefusion.cleaning import clean
from latefusion.config import TfidfExpert
from latefusion.experts.outputs import write_outputs
from latefusion.experts.workshop import Workshop
from latefusion.files import whole
from latefusion.split import assign_folds

logger = logging.getLogger(__name__)


def train_tfidf(workshop: Workshop, name: str) -> None:
    """Fit on the training products and leave the expert's run folder."""
    expert, prepared = workshop.experiment.experts[name], workshop.prepared
    train = prepared.part("train")
    logger.info("%s: fitting %d texts", name, len(train))
    model = TfidfClassifier(expert).fit(texts(train, expert), prepared.targets(train))
    probs = {part: model.predict_proba(texts(products, expert)) for part, products in prepared.evaluation_parts.items()}
    run_dir = workshop.run_dir(name)
    with whole(run_dir / "model.joblib") as partial:
        joblib.dump(model, partial)
    write_outputs(prepared, run_dir, probs, model.facts)


def texts(products: pd.DataFrame, expert: TfidfExpert) -> list[str]:
    """Return title and description of each product as one text."""
    descriptions = products["description"].fillna("")
    return [
        clean(f"{title} {text}", expert.cleaning) for title, text in zip(products["title"], descriptions, strict=True)
    ]


class TfidfClassifier:
    """One-versus-rest linear SVM on sparse TF-IDF features; a softmax of its margins gives the probabilities.

    Regularisation C is the one of lowest log loss in cross-validation, on about `cv_products`; the softmax's
    temperature is fitted on out-of-fold margins of all training products (Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017).
    """

    def __init__(self, expert: TfidfExpert):
        self.expert = expert

    def fit(self, texts: list[str], targets: np.ndarray) -> "TfidfClassifier":
        """Fit on (N,) texts and class numbers; every class 0 .. K-1 must occur."""
        expert = self.expert
        self.vectorizer = _vectorizer(expert)
        features = self.vectorizer.fit_transform(texts)
        sample = _stratified_sample(targets, expert.cv_products, expert.seed)
        is_whole = len(sample) == len(targets)
        n_fits = expert.n_folds * (len(expert.regularisation) + (not is_whole)) + 1
        with tqdm(total=n_fits, desc="tfidf", unit="fit", disable=None) as bar:
            search = {}
            for C in expert.regularisation:
                margins = _out_of_fold_margins(features[sample], targets[sample], C, expert, bar)
                search[C] = fit_temperature(margins, targets[sample])
                logger.info("tfidf: C %g gives log loss %.4f in %d folds", C, search[C][1], expert.n_folds)
            C = min(search, key=lambda C: search[C][1])
            if not is_whole:
                search[C] = fit_temperature(_out_of_fold_margins(features, targets, C, expert, bar), targets)
            self.classifier = LinearSVC(C=C, random_state=expert.seed).fit(features, targets)
            bar.update()
        self.temperature, log_loss = search[C]
        self.facts = {"features": features.shape[1], "C": C, "temperature": self.temperature, "oof_log_loss": log_loss}
        return self

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """Return (N, K) float32 probabilities."""
        margins = _margins(self.classifier, self.vectorizer.transform(texts))
        return np.exp(log_softmax(margins / self.temperature, axis=1)).astype(np.float32)


def _vectorizer(expert: TfidfExpert) -> FeatureUnion:
    shared = {
        "min_df": expert.min_df,
        "max_features": expert.max_features,
        "sublinear_tf": True,
        "strip_accents": "unicode",
        "dtype": np.float32,
    }
    vocabularies = [TfidfVectorizer(analyzer="word", ngram_range=expert.word_ngrams, **shared)]
    if expert.char_ngrams is not None:
        vocabularies.append(TfidfVectorizer(analyzer="char_wb", ngram_range=expert.char_ngrams, **shared))
    return make_union(*vocabularies)


def _stratified_sample(targets: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the rows of a sample, or all where there are no more; each class keeps at least two, if it has them."""
    if len(targets) <= size:
        return np.arange(len(targets))
    rows = np.random.default_rng(seed).permutation(len(targets))
    by_class = [rows[targets[rows] == number] for number in range(targets.max() + 1)]
    kept = [own[: max(2, round(size * len(own) / len(targets)))] for own in by_class]
    return np.sort(np.concatenate(kept))


def _out_of_fold_margins(
    features: csr_matrix, targets: np.ndarray, C: float, expert: TfidfExpert, bar: tqdm
) -> np.ndarray:
    """Return (N, K): the margins of each product by a classifier that has not seen it.

    The vocabulary has seen it, without its label. A class that a fold's training lacks gets the row's lowest margin.
    """
    folds = assign_folds(targets, expert.n_folds, expert.seed)

    def held_out(fold: int) -> np.ndarray:
        if len(np.unique(targets[folds != fold])) == 1:  # two classes, one of them a single product
            return np.zeros((int((folds == fold).sum()), targets.max() + 1))
        classifier = LinearSVC(C=C, random_state=expert.seed).fit(features[folds != fold], targets[folds != fold])
        margins = _margins(classifier, features[folds == fold])
        all_margins = np.repeat(margins.min(axis=1, keepdims=True), targets.max() + 1, axis=1)
        all_margins[:, classifier.classes_] = margins
        return all_margins

    margins = np.empty((len(targets), targets.max() + 1))
    for fold in range(expert.n_folds):  # not in threads: they would share liblinear's one random generator
        margins[folds == fold] = held_out(fold)
        bar.update()
    return margins


def _margins(classifier: LinearSVC, features: csr_matrix) -> np.ndarray:
    """Return (N, K) distances to each class's border; scikit-learn gives one column for two classes."""
    margins = classifier.decision_function(features)
    return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
