"""Policies that are read from disk decide as those that were fitted."""

import numpy as np
import pytest
from helpers.policies import LEARNERS, RULES, guesses
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from latefusion.config import BoostingPolicy, LogisticPolicy
from latefusion.fusion.classifiers import Logistic, Trees
from latefusion.fusion.training import fit_alone, load_policy, policy_facts
from latefusion.utils.files import write_json

POLICIES = LEARNERS | RULES


@pytest.mark.parametrize("calibrate", [False, True])
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_is_read_again_decides_the_same_to_the_last_bit(tmp_path, name, calibrate):
    rng = np.random.default_rng(0)
    policy = POLICIES[name].model_copy(update={"calibrate": calibrate} | ({"epochs": 3} if "layer" in name else {}))
    fitted = fit_alone(guesses(rng, policy, n=200, num_classes=5))
    fitted.save(tmp_path)
    write_json(tmp_path / "metrics.json", policy_facts(fitted))
    new = guesses(rng, policy, n=50, num_classes=5).tables
    expected, found = fitted.decide(new), load_policy(policy, 5, tmp_path).decide(new)
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("num_classes", [2, 4])
def test_classifiers_predict_what_scikit_learn_predicts(num_classes):
    rng = np.random.default_rng(1)
    targets = rng.integers(num_classes, size=300) + 3
    features = (rng.normal(size=(300, 6)) + targets[:, None] * rng.normal(size=6)).astype(np.float32)
    logistic = LogisticPolicy(kind="logistic", experts=("a",))
    boosting = BoostingPolicy(kind="boosting", experts=("a",), trees=7)
    theirs = LogisticRegression(C=logistic.C, max_iter=2000).fit(features, targets)
    np.testing.assert_allclose(
        Logistic.fit(logistic, features, targets).predict_proba(features), theirs.predict_proba(features), atol=1e-6
    )
    trees = HistGradientBoostingClassifier(
        max_iter=7, max_leaf_nodes=boosting.max_leaf_nodes, learning_rate=boosting.lr, early_stopping=False,
        random_state=boosting.seed,
    ).fit(features, targets)  # fmt: skip
    new = rng.normal(size=(100, 6)).astype(np.float32) * 9
    ours = Trees.fit(boosting, features, targets)
    np.testing.assert_allclose(ours.predict_proba(new), trees.predict_proba(new), atol=1e-6)
    assert ours.classes.tolist() == trees.classes_.tolist()
