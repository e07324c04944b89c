"""The exported method: each expert runs once per product, and only where it is asked for."""

import numpy as np
import pytest
from helpers.configs import tiny_config
from helpers.policies import guesses

from latefusion.config import Experiment
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.training import fit_alone, save_policy
from latefusion.metrics.confidence import Calibration
from latefusion.predictor.method import FinalMethod, MethodSpec
from latefusion.utils.errors import InputError

NOTHING = Calibration(1.0, 1.0, 0.0)
POLICIES = {
    "both": {"kind": "logistic", "experts": ["tfidf", "cnn_raw"], "n_folds": 4},
    "ask": {"kind": "on_demand", "first": "tfidf", "then": "both", "n_folds": 4, "image_share": 0.25},
}


@pytest.fixture
def made(tmp_path) -> tuple[Experiment, FusionInputs]:
    """An experiment, with its policies saved below tmp_path, and the probabilities of new products."""
    experiment = Experiment.model_validate({"name": "tiny"} | tiny_config() | {"policies": POLICIES, "submit": "best"})
    for name, policy in experiment.policies.items():
        save_policy(fit_alone(guesses(np.random.default_rng(0), policy, n=200, num_classes=4)), tmp_path / name)
    return experiment, guesses(np.random.default_rng(1), experiment.policies["ask"], n=80, num_classes=4)


def method_of(made, folder, *policies: str, expert: str | None = None) -> FinalMethod:
    """Return the method of these policies, or of an expert alone."""
    experiment, _ = made
    return FinalMethod(MethodSpec("m", expert, policies, False, NOTHING), experiment, 4, folder)


def recorder(made):
    tables, read = dict(zip(("tfidf", "cnn_raw"), made[1].tables, strict=True)), {}

    def predict(expert: str, rows: np.ndarray) -> np.ndarray:
        read.setdefault(expert, []).extend(rows.tolist())
        return tables[expert][rows]

    return predict, read


def test_the_share_says_for_how_many_products_the_dear_expert_runs(made, tmp_path):
    method = method_of(made, tmp_path, "ask")
    assert method.asks
    numbers = []
    for share in (0.0, 0.25, 0.6, 1.0):
        predict, read = recorder(made)
        method.decide(predict, 80, share)
        assert read["tfidf"] == list(range(80))
        numbers.append(len(read.get("cnn_raw", [])))
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert numbers[-1] == 80
    assert abs(numbers[1] - 20) < 12
    predict, read = recorder(made)
    method.decide(predict, 80)
    assert len(read["cnn_raw"]) == numbers[1]


def test_at_the_ends_it_is_the_expert_or_the_policy(made, tmp_path):
    predict, _ = recorder(made)
    for share, other in ((1.0, method_of(made, tmp_path, "both")), (0.0, method_of(made, tmp_path, expert="tfidf"))):
        assert not other.asks
        expected, found = other.decide(predict, 80), method_of(made, tmp_path, "ask").decide(predict, 80, share)
        assert np.array_equal(expected[0], found[0])
        assert np.allclose(expected[1], found[1], atol=1e-6)


def test_no_expert_predicts_a_product_twice_whatever_votes(made, tmp_path):
    predict, read = recorder(made)
    method_of(made, tmp_path, "ask", "both").decide(predict, 80)
    assert all(sorted(rows) == list(range(80)) for rows in read.values())


def test_a_share_is_refused_where_nothing_is_asked_for(made, tmp_path):
    with pytest.raises(InputError, match="m has no policy of kind on_demand"):
        method_of(made, tmp_path, "both").decide(recorder(made)[0], 80, 0.5)


def test_no_products_are_no_obstacle(made, tmp_path):
    preds, probs = method_of(made, tmp_path, "ask").decide(recorder(made)[0], 0)
    assert preds.shape == (0,)
    assert probs.shape == (0, 4)
