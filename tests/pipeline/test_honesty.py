"""Many draws of labels that mean nothing: scores out of fold are chance, and intervals cover the true score."""

import numpy as np
import pytest
from helpers.policies import LEARNERS, NETWORK, RULES, chance_epochs, guesses

from latefusion.dataset.split import assign_folds
from latefusion.fusion.training import fit_alone as fit
from latefusion.metrics.f1 import METRICS, macro_f1
from latefusion.metrics.selection import CrossSelection
from latefusion.scores.intervals import bootstrap, interval


def above_chance(targets: np.ndarray, preds: np.ndarray) -> float:
    """Return how far macro-F1 is above what the same predictions get on labels in any other order."""
    rng = np.random.default_rng(0)
    shuffled = [macro_f1(rng.permutation(targets), preds) for _ in range(20)]
    return macro_f1(targets, preds) - np.mean(shuffled)


DRAWS = 6
ERROR = np.sqrt(1 / 8 * 7 / 8 / 800 / DRAWS)  # of the mean score of the draws: 8 classes, 800 products
RESTLESS = {"epochs": 40, "batch_size": 128, "lr": 0.05}  # much to choose from


@pytest.mark.parametrize("name", [*LEARNERS, *RULES])
def test_with_labels_that_mean_nothing_out_of_fold_scores_are_chance(name):
    """Or a little below: a class that is rare among a product's fold was learnt as frequent from the other folds."""
    policy = (LEARNERS | RULES)[name]
    if policy.kind == "network":
        policy = policy.model_copy(update=RESTLESS)
    scores = []
    for draw in range(DRAWS):
        inputs = guesses(np.random.default_rng(draw), policy)
        scores.append(above_chance(inputs.targets, fit(inputs).oof_probs.argmax(axis=1)))
    assert -8 * ERROR < np.mean(scores) < 3 * ERROR


def test_the_published_choice_of_epochs_reads_the_labels_that_it_is_scored_on():
    """What the test above is there to find: each fold's best epoch looks better than chance."""
    flattered = []
    for draw in range(DRAWS):
        inputs = guesses(np.random.default_rng(draw), NETWORK.model_copy(update=RESTLESS))
        by_fold = fit(inputs).fold_probs(inputs.tables)
        published = by_fold[inputs.folds, np.arange(len(inputs.targets))]
        flattered.append(above_chance(inputs.targets, published.argmax(axis=1)))
    assert np.mean(flattered) > 3 * ERROR


def test_choosing_among_many_guesses_flatters_the_best_epoch_but_not_the_selection():
    rng = np.random.default_rng(0)
    flattered, honest = [], []
    for _ in range(20):
        targets, epochs = chance_epochs(rng)
        selection = CrossSelection(targets, assign_folds(targets, 8, 0), 5)
        for probs in epochs:
            selection.add(probs)
        flattered.append(max(macro_f1(targets, probs.argmax(axis=1)) for probs in epochs))
        honest.append(macro_f1(targets, selection.probs.argmax(axis=1)))
    assert np.mean(flattered) > 0.23
    assert abs(np.mean(honest) - 0.2) < 0.012  # two standard errors of twenty scores on 400 products


@pytest.mark.parametrize(("metric", "least"), [("accuracy", 88), ("macro_f1", 80)])
def test_intervals_cover_the_true_score_about_as_often_as_they_should(metric, least):
    """Also of macro-F1 where some classes have but a few products."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 13)
    shares /= shares.sum()

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        targets = rng.choice(12, size=n, p=shares)
        return targets, np.where(rng.random(n) < 0.6, targets, rng.integers(12, size=n))

    truth = METRICS[metric](*draw(400_000))
    covered = 0
    for _ in range(100):
        targets, preds = draw(300)
        low, high = interval(METRICS[metric](targets, preds), bootstrap(targets, preds[None], 12)[metric][0])
        covered += low <= truth <= high
    assert least <= covered <= 99
