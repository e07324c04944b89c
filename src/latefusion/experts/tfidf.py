"""The text expert that needs no weights: TF-IDF of words and characters, multinomial logistic regression."""

import logging

import joblib
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from latefusion.cleaning import clean
from latefusion.config import TfidfExpert
from latefusion.experts.outputs import write_outputs
from latefusion.experts.workshop import Workshop
from latefusion.files import whole

logger = logging.getLogger(__name__)


def train_tfidf(workshop: Workshop, name: str) -> None:
    """Fit on the training products and leave the expert's run folder."""
    expert, prepared = workshop.experiment.experts[name], workshop.prepared
    train = prepared.part("train")
    model = make_model(expert)
    logger.info("%s: fitting %d texts", name, len(train))
    model.fit(texts(train, expert), prepared.targets(train))
    probs = {part: model.predict_proba(texts(products, expert)) for part, products in prepared.evaluation_parts.items()}
    run_dir = workshop.run_dir(name)
    with whole(run_dir / "model.joblib") as partial:
        joblib.dump(model, partial)
    write_outputs(prepared, run_dir, probs, {"features": model[0].transform(["x"]).shape[1]})


def make_model(expert: TfidfExpert):
    """Return the unfitted pipeline; every class must be in training, so that its columns are the classes in order."""
    vocabularies = [_vectorizer(expert, "word", expert.word_ngrams)]
    if expert.char_ngrams is not None:
        vocabularies.append(_vectorizer(expert, "char_wb", expert.char_ngrams))
    return make_pipeline(make_union(*vocabularies), LogisticRegression(C=expert.regularisation, max_iter=1000))


def texts(products: pd.DataFrame, expert: TfidfExpert) -> list[str]:
    """Return title and description of each product as one text."""
    descriptions = products["description"].fillna("")
    return [
        clean(f"{title} {text}", expert.cleaning) for title, text in zip(products["title"], descriptions, strict=True)
    ]


def _vectorizer(expert: TfidfExpert, analyzer: str, ngrams: tuple[int, int]) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=ngrams,
        min_df=expert.min_df,
        max_features=expert.max_features,
        sublinear_tf=True,
        strip_accents="unicode",
        dtype=np.float32,
    )
