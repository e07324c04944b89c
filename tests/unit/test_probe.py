"""Linear probes: the classifier, the store of features, how texts are pooled, and what is refused before training."""

import os
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.configs import tiny_config
from helpers.frozen import CNN, ENCODER, save_tiny_encoder
from helpers.probes import IMAGE, TEXT, products
from safetensors.torch import load_file, save_file

from latefusion.config import Experiment, ImageProbe, TextProbe
from latefusion.experts.checks import check_networks
from latefusion.experts.probe import classifier as probe_classifier
from latefusion.experts.probe.classifier import ProbeClassifier, fit_classifier
from latefusion.experts.probe.store import ABANDONED_AFTER, StoredFeatures
from latefusion.experts.probe.text import EncodedTexts
from latefusion.experts.text.pooling import mean_over_tokens, pooled_output
from latefusion.experts.text.pretrained_encoder import load_encoder
from latefusion.experts.text.tokens import collate
from latefusion.plan.planning import plan
from latefusion.plan.pretrained import FOLDER
from latefusion.utils.errors import InputError

VIT = "vit_tiny_patch16_224"
EXPERT = TextProbe(kind="text_probe", model="any")


def fit(features, targets, groups=None, *, num_classes=None, **settings) -> tuple[ProbeClassifier, dict]:
    expert = EXPERT.model_copy(update=settings)
    frequencies = np.bincount(targets, minlength=num_classes or 0) / len(targets)
    return fit_classifier(features, targets, groups, frequencies=frequencies, expert=expert, name="probe")


def draw(n: int, seed: int, num_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 20) features of very different scales, which partly tell the classes, and the class numbers."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(num_classes), rng.integers(num_classes, size=n - num_classes)])
    centres = np.random.default_rng(99).normal(size=(num_classes, 20))
    scales = np.logspace(-3, 3, 20)
    return ((0.4 * centres[targets] + rng.normal(size=(n, 20))) * scales + 5).astype(np.float32), targets


# --- the classifier --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_classes", [2, 3, 8])
def test_probabilities_are_calibrated_distributions(num_classes):
    model, facts = fit(*draw(2000, 1, num_classes))
    features, targets = draw(3000, 2, num_classes)
    probs = model.predict_proba(features)
    assert (probs.dtype, probs.shape) == (np.float32, (3000, num_classes))
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    right = (probs.argmax(axis=1) == targets).mean()
    assert right > 1.5 / num_classes
    assert probs.max(axis=1).mean() == pytest.approx(right, abs=0.04)
    log_loss = -np.log(probs[np.arange(3000), targets]).mean()
    assert facts["oof_log_loss"] == pytest.approx(log_loss, abs=0.1)


def test_a_saved_classifier_predicts_the_same(tmp_path):
    features, targets = draw(200, 1)
    model, _ = fit(features, targets)
    model.save(tmp_path / "model.safetensors")
    loaded = ProbeClassifier.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.predict_proba(features), model.predict_proba(features))
    assert (float(loaded.C), loaded.calibration) == (float(model.C), model.calibration)
    other = tmp_path / "other"
    other.touch()
    assert (tmp_path / "model.safetensors").stat().st_mode == other.stat().st_mode


def test_c_is_the_candidate_with_the_lowest_log_loss_out_of_fold():
    features, targets = draw(300, 1)
    losses = {C: fit(features, targets, regularisation=(C,))[1]["oof_log_loss"] for C in (1e-5, 0.03, 100.0)}
    _, facts = fit(features, targets, regularisation=(100.0, 0.03, 1e-5))
    assert facts["C"] == min(losses, key=losses.get) == 0.03
    assert facts["oof_log_loss"] == losses[0.03]


def test_standardised_features_have_no_units():
    """Only if features are standardised, they are worth the same in metres and in millimetres."""
    (features, targets), (others, _) = draw(300, 1), draw(100, 2)
    units = np.where(np.arange(20) % 2, 1, 1024).astype(np.float32)

    def change(**settings) -> float:
        before, after = (fit(features * scale, targets, **settings)[0] for scale in (1, units))
        return np.abs(before.predict_proba(others) - after.predict_proba(others * units)).max()

    assert change() < 1e-3
    assert change(standardise=False, regularisation=(1e-4,)) > 0.05


def test_a_constant_feature_has_no_influence():
    (features, targets), (others, _) = draw(200, 1), draw(50, 2)
    constant = [np.hstack([part, np.full((len(part), 1), 7, np.float32)]) for part in (features, others)]
    with_it = fit(constant[0], targets)[0].predict_proba(constant[1])
    np.testing.assert_allclose(with_it, fit(features, targets)[0].predict_proba(others), atol=1e-5)


@pytest.mark.parametrize("rare", [1, 2])
@pytest.mark.parametrize("num_classes", [2, 3])
def test_classes_that_are_missing_in_a_fold_get_probabilities_too(num_classes, rare):
    features, _ = draw(40 * (num_classes - 1) + rare, 1)
    targets = np.repeat(np.arange(num_classes), [*[40] * (num_classes - 1), rare])
    probs = fit(features, targets, np.arange(len(targets)) // 2)[0].predict_proba(features)
    assert probs.shape == (len(targets), num_classes)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("missing", [0, 1, 4])
def test_a_class_without_any_features_gets_the_least_probability(missing):
    features, targets = draw(400, 1, 4)
    targets = targets + (targets >= missing)
    model, _ = fit(features, targets, num_classes=5)
    probs = model.predict_proba(features)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert (probs[:, missing] == probs.min(axis=1)).all()
    assert (probs.argmax(axis=1) == targets).mean() > 0.5


def test_near_duplicates_are_kept_in_one_inner_fold():
    """Copies with noise labels: only if they are parted, cross-validation believes that it knows them."""
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(150, 200)).astype(np.float32), rng.integers(3, size=150)
    twice = np.repeat(features, 2, axis=0), np.repeat(targets, 2)
    honest, leaking = (fit(*twice, groups)[1]["oof_log_loss"] for groups in (np.repeat(np.arange(150), 2), None))
    assert honest > 1.05  # log 3 is 1.099
    assert leaking < 0.8


def test_a_fit_that_does_not_converge_says_so_and_warns_of_nothing_else(monkeypatch, caplog):
    features, targets = draw(200, 1)
    fit(features, targets)
    assert "has not converged" not in caplog.text
    monkeypatch.setattr(probe_classifier, "MAX_ITERATIONS", 2)
    monkeypatch.setattr(probe_classifier, "TOLERANCE", 1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(features, targets)
    assert "the regression has not converged in 2 iterations" in caplog.text


# --- the store -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Open the store in an empty folder for the given keys."""
    monkeypatch.chdir(tmp_path)
    return lambda keys, **identity: StoredFeatures(
        {"weights": "w"} | identity, pd.Index([f"{key:032x}" for key in keys])
    )


def rows_of(keys) -> np.ndarray:
    return np.array([[key, 10 * key, 100 * key] for key in keys], dtype=np.float32)


def test_features_are_found_by_key_in_any_order(store):
    store([1, 2, 3]).add(np.array([0, 2]), rows_of([1, 3]))
    store([7, 2]).add(np.array([1]), rows_of([2]))
    stored = store([3, 5, 1, 2])
    assert stored.found.tolist() == [True, False, True, True]
    assert stored.n_missing == 1
    assert np.array_equal(stored.features[[0, 2, 3]], rows_of([3, 1, 2]))


def test_other_weights_have_other_features(store):
    store([1]).add(np.array([0]), rows_of([1]))
    assert store([1], precision="bf16").n_missing == 1
    assert store([1]).n_missing == 0


def test_a_run_sees_what_another_writes_meanwhile(store):
    ours, theirs = store([1, 2]), store([2, 3])
    theirs.add(np.array([0]), rows_of([2]))
    ours.refresh()
    assert ours.found.tolist() == [False, True]
    assert np.array_equal(ours.features[1], rows_of([2])[0])


def flip_a_bit(content: bytes) -> bytes:
    place = content.index(rows_of([2]).tobytes()) + 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGE = {
    "cut": lambda content: content[:-40],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "bit": flip_a_bit,
    "other": lambda content: b"\x93NUMPY" + content,
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_chunk_is_ignored_with_a_warning_and_the_others_stay(store, caplog, change):
    store([1]).add(np.array([0]), rows_of([1]))
    (good,) = store([]).folder.glob("*.npz")
    store([2]).add(np.array([0]), rows_of([2]))
    (bad,) = set(good.parent.glob("*.npz")) - {good}
    bad.write_bytes(change(bad.read_bytes()))
    stored = store([1, 2])
    assert stored.found.tolist() == [True, False]
    assert f"{bad} cannot be read" in caplog.text
    caplog.clear()
    stored.add(np.array([1]), rows_of([2]))
    assert np.array_equal(store([1, 2]).features, rows_of([1, 2]))
    assert not caplog.text


def test_partial_files_of_killed_runs_are_removed_and_those_of_others_kept(store):
    store([1]).add(np.array([0]), rows_of([1]))
    folder = store([]).folder
    for name, age in {"old": ABANDONED_AFTER + 60, "new": 0}.items():
        (folder / f"{name}.npz.partial").touch()
        written = time.time() - age
        os.utime(folder / f"{name}.npz.partial", (written, written))
    store([2]).add(np.array([0]), rows_of([2]))
    assert [path.name for path in folder.glob("*.partial")] == ["new.npz.partial"]


# --- texts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def encoder_folder(no_hub):
    save_tiny_encoder(pd.DataFrame(products(60)).assign(description=None), layers=1)
    return FOLDER / ENCODER.replace("/", "--")


def test_the_mean_is_over_the_tokens_of_a_text_alone(encoder_folder):
    tokenizer, encoder = load_encoder(str(encoder_folder), max_length=16)
    encoder.eval()
    dataset = EncodedTexts(tokenizer, [("mug", ""), ("leather shoe size nine", "a bright lamp")], 16)
    assert dataset.lengths[0] < dataset.lengths[1]
    with torch.no_grad():
        together = mean_over_tokens(encoder, **collate([dataset[0], dataset[1]], tokenizer.pad_token_id))
        alone = mean_over_tokens(encoder, **collate([dataset[0]], tokenizer.pad_token_id))
        hidden = encoder(**collate([dataset[0]], tokenizer.pad_token_id)).last_hidden_state
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone, hidden.mean(dim=1))


def test_without_a_pooler_the_published_pooling_is_the_first_token_and_nothing_is_random(encoder_folder):
    weights = load_file(encoder_folder / "model.safetensors")
    assert "pooler.dense.weight" in weights
    kept = {key: value for key, value in weights.items() if "pooler" not in key}
    save_file(kept, encoder_folder / "model.safetensors", metadata={"format": "pt"})
    torch.manual_seed(1)
    _, encoder = load_encoder(str(encoder_folder), max_length=16, random_pooler=False)
    inputs = {"input_ids": torch.tensor([[5, 20, 6]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    encoder.eval()
    with torch.no_grad():
        assert torch.equal(pooled_output(encoder, **inputs), encoder(**inputs).last_hidden_state[:, 0])


# --- checks before training ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expert", "message"),
    [
        (TEXT | {"max_length": 64}, "experts.new: someone--tiny-bert: max_length 64 is more than the encoder's 30"),
        (IMAGE | {"model": "resnet10"}, "timm has no model 'resnet10'; did you mean 'resnet"),
        (IMAGE | {"model_args": {"chanels": 8}}, f"{CNN}: timm cannot build it with model_args"),
        (IMAGE | {"model": VIT, "sizes": [224, 192]}, "cannot read images of 192 pixels (sizes)"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_training(encoder_folder, expert, message):
    config = tiny_config() | {"name": "tiny", "image_cache": None}
    experiment = Experiment.model_validate(config | {"experts": config["experts"] | {"new": expert}})
    with pytest.raises(InputError) as refused:
        check_networks(experiment, [plan(experiment)["experts/new"]])
    assert message in str(refused.value).replace(f"{FOLDER}/", "")


def test_networks_that_can_be_built_pass(encoder_folder):
    flexible = IMAGE | {"model": VIT, "sizes": [224, 192], "model_args": {"dynamic_img_size": True}}
    config = tiny_config() | {"name": "tiny", "image_cache": None}
    added = {"text": TEXT, "image": IMAGE, "flexible": flexible}
    experiment = Experiment.model_validate(config | {"experts": config["experts"] | added})
    check_networks(experiment, [plan(experiment)[f"experts/{name}"] for name in added])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": [32, 32]}, "different sizes"),
        ({"sizes": []}, "at least 1 item"),
        ({"model_args": {"num_classes": 3}}, "num_classes cannot be given here"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ImageProbe(**IMAGE | settings)
