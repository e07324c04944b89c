"""Choose the method to submit (`submit: best`): the simplest that is not clearly worse than the best.

All methods are compared on `fusion_split`, where no label has influenced its own product's probabilities. Test labels
are not read. A method is clearly worse than the best if its score is (macro-F1, or what the config's `metric` says), or
its log loss: what is submitted are labels with confidences, and the log loss tells methods apart on fewer products. A
difference is clear if it is greater than its standard error over the products (the one-standard-error rule of Breiman
et al., "Classification and Regression Trees", 1984, for paired differences). If no method is among the best in both,
the score alone decides. So does accuracy where most classes are tiny, unless the config names a metric: there the log
loss is mostly that of products whose class no expert could learn.

The simplest methods are single experts, then fixed rules, rules that learn one weight per expert, logistic regression,
boosting, networks, and votes. Of equally simple methods the one whose experts run the fewest models is submitted (a
joint expert runs two), then the one with the highest score.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.config import Experiment
from latefusion.config.complexity import COMPLEXITIES, Complexity
from latefusion.metrics.calibration import as_logits, fold_temperatures, mean_log_losses, temper_by_fold
from latefusion.metrics.confidence import favour
from latefusion.metrics.decisions import count_labels
from latefusion.metrics.f1 import METRIC_NAMES, score
from latefusion.scores.intervals import bootstrap
from latefusion.scores.results import Method, Results
from latefusion.tables.dataset import Dataset

logger = logging.getLogger(__name__)
# If half of the classes have fewer products than this, methods are compared by accuracy. Measured on a catalogue of
# 1,050 products with categories at four depths, divided at random: with fewer than 3, the method chosen by accuracy was
# right for 0.4 to 1.7 points more of the other products than that chosen by macro-F1, and its macro-F1 was lower by at
# most 0.3. With 5 (62 classes) it was the other way round, by 0.4 points of accuracy and 1.8 of macro-F1.
FEW_PRODUCTS = 3


def deciding_metric(results: Results) -> str:
    """Return the metric that methods are compared by: that of the config, or `accuracy` if most classes are tiny."""
    return "accuracy" if _has_tiny_classes(results) else results.experiment.chosen_by


def _has_tiny_classes(results: Results) -> bool:
    """Return whether macro-F1 is the metric that nobody chose, and mostly that of classes with few products."""
    if results.dataset.several or results.experiment.metric != "auto":
        return False
    targets = results.targets[results.dataset.fusion_split]
    counts = count_labels(targets, len(results.dataset.classes))
    return bool(np.median(counts) < FEW_PRODUCTS)


def rank_methods(results: Results) -> pd.DataFrame:
    """Return one row per finished method: how complex it is, and how much it differs from the best on `fusion_split`.

    Columns: method, kind, complexity, models (that run to predict a product), metric, score, difference (of the best
    from it), standard_error (of the difference), log_loss, log_loss_difference (from the least), log_loss_error,
    compared_by (in words: what decides), clearly_worse.
    """
    split, metric = results.dataset.fusion_split, deciding_metric(results)
    known = results.known(split)
    targets = results.targets[split][known]
    preds = [results.preds(method, split)[known] for method in results.methods]
    draws = bootstrap(targets, preds, len(results.dataset.classes))[metric]
    scores = np.array([score(metric, targets, decided) for decided in preds])
    best = scores.argmax()
    differences, errors = scores[best] - scores, (draws[best] - draws).std(axis=1, ddof=1)
    ranking = pd.DataFrame(
        [(method.name, method.kind, *complexity(results, method), metric) for method in results.methods],
        columns=["method", "kind", "complexity", "models", "metric"],
    ).assign(score=scores, difference=differences, standard_error=errors)
    losses = np.stack([_log_losses(results, method)[known] for method in results.methods])  # (M, N)
    excess = losses - losses[losses.mean(axis=1).argmin()]
    ranking["log_loss"], ranking["log_loss_difference"] = losses.mean(axis=1), excess.mean(axis=1)
    ranking["log_loss_error"] = excess.std(axis=1, ddof=1) / len(targets) ** 0.5
    by_score = ranking["difference"] > ranking["standard_error"]
    by_both = by_score | (ranking["log_loss_difference"] > ranking["log_loss_error"])
    by_score_alone = _has_tiny_classes(results) or by_both.all()
    compared_by = METRIC_NAMES[metric] if by_score_alone else f"{METRIC_NAMES[metric]} or log loss"
    return ranking.assign(compared_by=compared_by, clearly_worse=by_score if by_score_alone else by_both)


def _log_losses(results: Results, method: Method) -> np.ndarray:
    """Return the (N,) log losses of a method on `fusion_split`, after temperature scaling on the other folds.

    So methods are not compared by how certain they are, which the calibration of the submission changes. The decision
    of a vote, which may not be the class of its highest probability, counts as if it were (`favour`). Of several
    labels, a product's log loss is the mean over all classes, whatever is decided.
    """
    split, folds = results.dataset.fusion_split, results.dataset.selection_folds()
    targets, probs = results.targets[split], results.probs(method, split)
    if results.dataset.several:
        by_fold = fold_temperatures(probs, targets, folds, folds.max() + 1)
        return mean_log_losses(probs, targets, by_fold[folds])
    probs = favour(probs, results.preds(method, split))
    *by_fold, _ = fold_temperatures(probs, targets, folds, folds.max() + 1).tolist()
    return -as_logits(temper_by_fold(probs, folds, by_fold))[np.arange(len(targets)), targets]


def complexity(results: Results, method: Method) -> tuple[Complexity, int]:
    """Return how complex a method is, and the number of models that run to predict a product."""
    experiment = results.experiment
    if method.name in experiment.experts:
        return "expert", _count_models(results, {method.name})
    policies = [experiment.policies[name] for name in results.policies_of(method)]
    own_networks = [policy.own_network for policy in policies if policy.own_network is not None]
    n_models = _count_models(results, {expert for policy in policies for expert in policy.experts})
    n_models += sum(experiment.experts[name].n_models for name in own_networks)
    if own_networks:
        return "raw_select", n_models
    return ("vote" if method.kind == "vote" else policies[0].complexity), n_models


def _count_models(results: Results, experts: set[str]) -> int:
    return sum(results.experiment.network_of(name).n_models for name in experts)


def choose_method(ranking: pd.DataFrame) -> str:
    """Return the name of the simplest method that is not clearly worse than the best (`rank_methods`).

    The simplest is the first in `COMPLEXITIES`; then the one with the fewest models; then the one with the highest
    score; then the first in the score table.
    """
    candidates = ranking[~ranking["clearly_worse"]]
    keys = [candidates["complexity"].map(COMPLEXITIES.index), candidates["models"], -candidates["score"]]
    return candidates["method"].iloc[int(np.lexsort(keys[::-1])[0])]


def best_method(ranking: pd.DataFrame) -> pd.Series:
    """Return the row of the method with the highest score; on ties the first."""
    return ranking.loc[ranking["score"].idxmax()]


def vote_warning(ranking: pd.DataFrame, split: str, submit: str) -> str:
    """Return a warning if the decisions of the vote are clearly worse than those of the best method, or an empty text.

    `split`: the split of the ranking's scores; `submit`: the config's key. If it is the vote that is submitted, the
    warning says what to set.
    """
    votes = ranking[(ranking["method"] == "vote") & (ranking["difference"] > ranking["standard_error"])]
    if votes.empty:
        return ""
    vote, best = votes.iloc[0], best_method(ranking)
    warning = (
        f"the vote is clearly worse than {best['method']}: {METRIC_NAMES[vote['metric']]} {100 * vote['score']:.1f} "
        f"against {100 * best['score']:.1f} on {split}, with a standard error of the difference of "
        f"{100 * vote['standard_error']:.1f}"
    )
    if submit == "vote":
        warning += ". The vote is submitted: to submit the simplest of the best methods, set submit: best"
    return warning


def log_vote_warning(experiment: Experiment, dataset: Dataset) -> None:
    """Log a warning if the vote is submitted although it is clearly worse, by the ranking that the scores left."""
    path = ranking_path(experiment)
    if experiment.submit == "vote" and path.is_file():
        ranking = pd.read_csv(path, dtype={"method": "str"}, keep_default_na=False)
        if warning := vote_warning(ranking, dataset.fusion_split, experiment.submit):
            logger.warning("%s", warning)


def ranking_path(experiment: Experiment) -> Path:
    """Return the path of the ranking of all methods (`rank_methods`), with a column `submitted`."""
    return experiment.run_root / "scores" / "choice.csv"
