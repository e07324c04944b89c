"""Linear classifiers on fixed features: choose the regularisation by cross-validation, and calibrate.

C, the inverse regularisation strength, is the candidate with the lowest log loss in cross-validation. Probabilities are
made of the classifier's margins as `margins` describes, by what is fitted on out-of-fold margins of the training
products. Targets are (N,) class numbers, or (N, K) several labels, 0 or 1 (`metrics.decisions`).
"""

import logging
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np
from scipy.sparse import csr_matrix

from latefusion.dataset.split import assign_folds, stratified_sample
from latefusion.experts.margins import Calibration, fit_calibration
from latefusion.utils.errors import InputError
from latefusion.utils.progress import Bar

logger = logging.getLogger(__name__)
Features: TypeAlias = np.ndarray | csr_matrix  # (N, F)


class Classifier(Protocol):
    """A linear classifier of scikit-learn, or one for each of several labels."""

    classes_: np.ndarray  # (K,) class numbers of the products that it was fitted on
    coef_: np.ndarray  # (K, F), or (1, F) for two classes
    intercept_: np.ndarray  # (K,), or (1,)

    def fit(self, features: Features, targets: np.ndarray) -> object: ...

    def decision_function(self, features: Features) -> np.ndarray: ...


class Search(Protocol):
    """The settings of an expert that is fitted here."""

    @property
    def regularisation(self) -> tuple[float, ...]: ...

    @property
    def n_folds(self) -> int: ...

    @property
    def cv_products(self) -> int: ...

    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class LinearFit:
    """A classifier that is fitted on all training products, with the regularisation and calibration of its expert."""

    classifier: Classifier
    C: float
    calibration: Calibration
    log_loss: float  # out of fold, calibrated

    @property
    def facts(self) -> dict[str, float]:
        """Return what metrics.json says about the fit."""
        return {"C": self.C} | self.calibration.numbers | {"oof_log_loss": self.log_loss}


def fit_linear(
    make: Callable[[float], Classifier],
    features: Features,
    targets: np.ndarray,
    groups: np.ndarray | None,
    *,
    expert: Search,
    name: str,
    until_worse: bool = False,
    n_threads: int = 1,
) -> LinearFit:
    """Fit `make(C)` on (N, F) features and N targets; at least two classes must occur.

    C is chosen on a sample of about `expert.cv_products` products. With `until_worse` the largest candidate is tried
    first, and the search ends when the log loss rises. `groups` (N,) number the groups of near-duplicates. A group is
    kept in one fold: a product with a near-duplicate in the training folds is too easy to classify. Folds are fitted in
    `n_threads` threads.
    """
    candidates = sorted(expert.regularisation, reverse=True) if until_worse else expert.regularisation
    sample = stratified_sample(targets, expert.cv_products, expert.seed, groups)
    sampled_groups = None if groups is None else groups[sample]
    is_full = len(sample) == len(targets)
    n_fits = expert.n_folds * (len(candidates) + (not is_full)) + 1
    with Bar(total=n_fits, desc=name, unit="fit") as bar, warnings.catch_warnings():
        # scikit-learn takes catalogues in which most classes have one product for a regression, and warns.
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        out_of_fold = partial(_out_of_fold_margins, expert=expert, n_threads=n_threads, bar=bar)
        search: dict[float, tuple[Calibration, float]] = {}  # calibration and log loss of each candidate
        for C in candidates:
            margins = out_of_fold(partial(make, C), features[sample], targets[sample], sampled_groups)
            search[C] = fit_calibration(*_predictable(margins, targets[sample], sampled_groups, expert))
            logger.info("%s: C %g: log loss %.4f in %d folds", name, C, search[C][1], expert.n_folds)
            if until_worse and search[C][1] > min(log_loss for _, log_loss in search.values()):
                break
        C = min(search, key=lambda C: search[C][1])
        if not is_full:
            margins = out_of_fold(partial(make, C), features, targets, groups)
            search[C] = fit_calibration(*_predictable(margins, targets, groups, expert))
        classifier = make(C)
        classifier.fit(features, targets)
        bar.update()
    return LinearFit(classifier, C, *search[C])


def refuse_too_few(n_products: int, groups: np.ndarray | None, *, n_folds: int, name: str, what: str) -> None:
    """Raise InputError if there are fewer products, or groups of near-duplicates, than folds.

    `what` says in the message which products they are, such as `training products`.
    """
    n_units = n_products if groups is None else len(np.unique(groups))
    if n_units < n_folds:
        units = what if groups is None else f"groups of near-duplicates among the {what}"
        raise InputError(
            f"experts.{name}.n_folds {n_folds}: there are {n_units} {units}; lower it to {n_units} or less"
        )


def _out_of_fold_margins(
    make: Callable[[], Classifier],
    features: Features,
    targets: np.ndarray,
    groups: np.ndarray | None,
    *,
    expert: Search,
    n_threads: int,
    bar: Bar,
) -> np.ndarray:
    """Return (N, K): the margins of each product by a classifier trained on the other folds."""
    folds = assign_folds(targets, expert.n_folds, expert.seed, groups)
    margins = _no_margins(targets)
    num_classes = margins.shape[1]

    def predict_fold(fold: int) -> None:
        train, held_out = folds != fold, folds == fold
        if (targets[train] != targets[train][:1]).any():  # else: two classes, one with a single product or group
            classifier = make()
            classifier.fit(features[train], targets[train])
            own = margins_of(classifier, features[held_out])
            margins[held_out] = for_all_classes(own, classifier.classes_, num_classes)
        bar.update()

    with ThreadPoolExecutor(n_threads) as pool:
        for _ in (map if n_threads == 1 else pool.map)(predict_fold, np.unique(folds)):
            pass
    return margins


def _no_margins(targets: np.ndarray) -> np.ndarray:
    """Return (N, K) zeros; of several labels in float32, as there can be thousands of classes."""
    if targets.ndim == 2:
        return np.zeros(targets.shape, dtype=np.float32)
    return np.zeros((len(targets), targets.max() + 1))


def _predictable(
    margins: np.ndarray, targets: np.ndarray, groups: np.ndarray | None, expert: Search
) -> tuple[np.ndarray, np.ndarray]:
    """Return the margins and targets of the products whose class occurs in more than one fold; of all, if none does.

    No classifier could know the class of the others. With many of them, the temperature of least log loss would make
    all probabilities equal. Of several labels, those of all products, for the classes that occur in more than one fold.
    """
    folds = assign_folds(targets, expert.n_folds, expert.seed, groups)
    if targets.ndim == 2:
        n_folds = sum((targets[folds == fold] > 0).any(axis=0).astype(np.int64) for fold in np.unique(folds))
        classes = n_folds > 1
        return (margins[:, classes], targets[:, classes]) if classes.any() else (margins, targets)
    of_pairs, _ = np.unique(np.stack([targets, folds]), axis=1)  # the class of each pair of a class and a fold
    rows = (np.bincount(of_pairs) > 1)[targets]
    return (margins[rows], targets[rows]) if rows.any() else (margins, targets)


def margins_of(classifier: Classifier, features: Features) -> np.ndarray:
    """Return (N, K) signed distances to each class's hyperplane; for two classes scikit-learn returns one column."""
    margins = classifier.decision_function(features)
    return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins


def weights_of(classifier: Classifier) -> tuple[np.ndarray, np.ndarray]:
    """Return (F, K) weights and (K,) biases, float32, that give the margins of `margins_of`."""
    weights, bias = classifier.coef_.T, classifier.intercept_
    if weights.shape[1] == 1:  # two classes
        weights, bias = np.hstack([-weights, weights]), np.hstack([-bias, bias])
    return weights.astype(np.float32), bias.astype(np.float32)


def for_all_classes(margins: np.ndarray, classes: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (N, `num_classes`) margins from the (N, K) margins of the (K,) class numbers `classes`.

    A class that the classifier does not know gets the lowest margin of the row.
    """
    if len(classes) == num_classes:
        return margins
    all_margins = np.repeat(margins.min(axis=1, keepdims=True), num_classes, axis=1)
    all_margins[:, classes] = margins
    return all_margins
