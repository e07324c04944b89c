"""The tfidf expert: TF-IDF of words and character n-grams, a linear support vector machine, calibrated.

Title and description are concatenated: on small catalogues this was better than one vocabulary for each.
"""

import logging

import joblib
import numpy as np
import pandas as pd
from sklearn.svm import LinearSVC

from latefusion.config import TfidfExpert
from latefusion.dataset.cleaning import clean
from latefusion.dataset.split import groups_of
from latefusion.experts.context import Context
from latefusion.experts.linear import fit_linear, margins_of, refuse_too_few, tempered
from latefusion.experts.text.vocabularies import fit_vocabularies
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
    """One-versus-rest linear SVM on sparse TF-IDF features, regularised and calibrated as `experts.linear` describes.

    The features come from a vocabulary of all training products, which uses no labels.
    """

    def __init__(self, expert: TfidfExpert, name: str = "tfidf"):
        self.expert, self.name = expert, name

    def __getstate__(self) -> dict:
        """Return the state without what differs between processes: scikit-learn's `id(None)`, and the config.

        pydantic keeps a set of names, whose order is random. If the file of an expert that is trained again differed,
        all that depends on it would be redone.
        """
        for _, vectorizer in self.vectorizer.transformer_list:
            vars(vectorizer).pop("_stop_words_id", None)
        return {name: value for name, value in vars(self).items() if name != "expert"}

    def fit(self, texts: list[str], targets: np.ndarray, groups: np.ndarray | None = None) -> "TfidfClassifier":
        """Fit on (N,) texts and class numbers; every class 0 .. K-1 must occur.

        `groups` (N,) number the groups of near-duplicates. Raises InputError if there are too few texts for the
        settings.
        """
        expert, name = self.expert, self.name
        refuse_too_few(len(texts), groups, n_folds=expert.n_folds, name=name, what="training products")
        if len(texts) < expert.min_df:
            raise InputError(
                f"experts.{name}.min_df {expert.min_df}: there are {len(texts)} training products; lower it"
            )
        self.vectorizer, features = fit_vocabularies(texts, expert, name)
        # In one thread: liblinear has one global random generator.
        fit = fit_linear(
            lambda C: LinearSVC(C=C, random_state=expert.seed), features, targets, groups, expert=expert, name=name
        )
        self.classifier, self.temperature = fit.classifier, fit.temperature
        self.facts = {"features": features.shape[1]} | fit.facts
        return self

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """Return (N, K) float32 probabilities."""
        return tempered(margins_of(self.classifier, self.vectorizer.transform(texts)), self.temperature)
