"""The vocabularies of the tfidf expert: words, and character n-grams within words.

In some catalogues no word occurs in `min_df` texts (titles in a script without spaces, article numbers, emoji), or no
n-gram does. A vocabulary that is empty for this reason is skipped.
"""

import logging

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_union

from latefusion.config import TfidfExpert
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)
EMPTY = ("empty vocabulary", "no terms remain")  # in scikit-learn's messages


def fit_vocabularies(texts: list[str], expert: TfidfExpert, name: str) -> tuple[FeatureUnion, csr_matrix]:
    """Return the vectorizer fitted on (N,) texts, and their (N, F) features. Raises InputError if both are empty."""
    vectorizers, features = [], []
    for unit, vectorizer in _vectorizers(expert).items():
        try:
            features.append(vectorizer.fit_transform(texts))
        except ValueError as error:
            if not any(words in str(error) for words in EMPTY):
                raise
            logger.info("%s: no %s are in %d or more texts: skipped", name, unit, expert.min_df)
        else:
            vectorizers.append(vectorizer)
    if not vectorizers:
        raise InputError(
            f"{name}: no words or character n-grams are in {expert.min_df} or more of the {len(texts)} training texts: "
            f"lower experts.{name}.min_df, set experts.{name}.char_ngrams (scripts without spaces need them), or "
            "remove the expert if the texts are empty"
        )
    return make_union(*vectorizers), hstack(features, format="csr")


def _vectorizers(expert: TfidfExpert) -> dict[str, TfidfVectorizer]:
    shared = {
        "min_df": expert.min_df,
        "max_features": expert.max_features,
        "sublinear_tf": True,
        "strip_accents": "unicode",
        "dtype": np.float32,
    }
    vectorizers = {"words": TfidfVectorizer(analyzer="word", ngram_range=expert.word_ngrams, **shared)}
    if expert.char_ngrams is not None:
        vectorizers["character n-grams"] = TfidfVectorizer(analyzer="char_wb", ngram_range=expert.char_ngrams, **shared)
    return vectorizers
