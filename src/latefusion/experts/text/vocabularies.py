"""The vocabularies of the tfidf expert: words, and character n-grams within words.

In some catalogues no word occurs in `min_df` texts (titles in a script without spaces, article numbers, emoji), or no
n-gram does. A vocabulary that is empty for this reason is skipped.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from latefusion.config import TfidfExpert
from latefusion.utils.errors import InputError, reported_as
from latefusion.utils.files import atomic_write
from latefusion.utils.parquet import read_frame

logger = logging.getLogger(__name__)
EMPTY = ("empty vocabulary", "no terms remain")  # in scikit-learn's messages


@dataclass(frozen=True)
class Vocabularies:
    """The fitted vectorizers, by what their terms are: `words`, `character n-grams`, or both."""

    vectorizers: dict[str, TfidfVectorizer]

    def transform(self, texts: list[str]) -> csr_matrix:
        """Return the (N, F) float32 features of texts."""
        return hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers.values()], format="csr")

    def save(self, path: Path) -> None:
        """Write a Parquet table with a row per feature, in their order: `unit`, `term`, `idf`."""
        tables = [
            pd.DataFrame({"unit": unit, "term": vectorizer.get_feature_names_out(), "idf": vectorizer.idf_})
            for unit, vectorizer in self.vectorizers.items()
        ]
        with atomic_write(path) as partial:
            pd.concat(tables, ignore_index=True).to_parquet(partial)

    @classmethod
    def load(cls, path: Path, expert: TfidfExpert) -> "Vocabularies":
        """Read what `save` wrote. Raises InputError if the file cannot be read."""
        with reported_as(f"{path}: cannot be read as a vocabulary"):
            table = read_frame(path, columns=["unit", "term", "idf"])
        vectorizers = _vectorizers(expert)
        fitted: dict[str, TfidfVectorizer] = {}
        for unit, terms in table.groupby("unit", sort=False):
            vectorizer = vectorizers[str(unit)]
            vectorizer.vocabulary = terms["term"].tolist()
            vectorizer.idf_ = terms["idf"].to_numpy()
            fitted[str(unit)] = vectorizer
        return cls(fitted)


def fit_vocabularies(texts: list[str], expert: TfidfExpert, name: str) -> tuple[Vocabularies, csr_matrix]:
    """Return the vocabularies of (N,) texts, and their (N, F) features. Raises InputError if both are empty."""
    fitted, features = {}, []
    for unit, vectorizer in _vectorizers(expert).items():
        try:
            features.append(vectorizer.fit_transform(texts))
        except ValueError as error:
            if not any(words in str(error) for words in EMPTY):
                raise
            logger.info("%s: no %s are in %d or more texts: skipped", name, unit, expert.min_df)
        else:
            fitted[unit] = vectorizer
    if not fitted:
        raise InputError(
            f"{name}: no words or character n-grams are in {expert.min_df} or more of the {len(texts)} training texts: "
            f"lower experts.{name}.min_df, set experts.{name}.char_ngrams (scripts without spaces need them), or "
            "remove the expert if the texts are empty"
        )
    return Vocabularies(fitted), hstack(features, format="csr")


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
