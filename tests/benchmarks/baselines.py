"""What people would write instead: TF-IDF + logistic regression; and how time is measured, for compare.py."""

import resource
import time
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline


@dataclass(frozen=True)
class Seconds:
    """Time of a method, from reading its tables to its predictions."""

    wall: float
    cpu: float  # of all processes together


@dataclass(frozen=True)
class Outcome:
    """What a method made of the test products: (N,) labels and the time, or without labels the reason in `note`."""

    labels: np.ndarray | None = None
    seconds: Seconds | None = None
    note: str = ""


class Clock:
    """Time since it was made, of this process and its children that have ended."""

    def __init__(self):
        self._started = self._now()

    def read(self) -> Seconds:
        wall, cpu = (now - start for now, start in zip(self._now(), self._started, strict=True))
        return Seconds(wall, cpu)

    def _now(self) -> tuple[float, float]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime


def tfidf_logistic(train: pd.DataFrame, test: pd.DataFrame, *, tuned: bool) -> Outcome:
    """Predict with words and pairs of words, and scikit-learn's defaults; `tuned`: C by 5-fold cross-validation."""
    clock = Clock()
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    if tuned:
        candidates = {"logisticregression__C": [1, 10, 100, 1000]}
        model = GridSearchCV(model, candidates, cv=KFold(5, shuffle=True, random_state=0))
    with warnings.catch_warnings():  # a catalogue may have more classes than half of its products
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        model.fit(_texts(train), train["label"].to_numpy(object))
    return Outcome(model.predict(_texts(test)), clock.read())


def _texts(products: pd.DataFrame) -> list[str]:
    return (products["title"] + " " + products["description"].fillna("")).to_list()
