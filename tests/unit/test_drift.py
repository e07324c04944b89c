"""New products are compared with the labelled ones, and only clear differences are told."""

import numpy as np
import pandas as pd
import pytest

from latefusion.predictor.drift import ADVICE, ENOUGH, Drift, Profile, make_profile
from latefusion.predictor.unusual import Unusual, fit_text

WORDS = ["red", "large", "cotton", "steel", "lamp", "shoe", "table", "curtain", "watch", "bottle", "blanket", "soft"]


def catalogue(n: int, seed: int, words: list[str] = WORDS) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(words, 8)) for _ in range(n)]
    ids = pd.Index([f"p{seed}-{number}" for number in range(n)], name="id", dtype="str")
    columns = {
        "title": texts,
        "description": texts,
        "image": "a.jpg",
        "group": range(n),
        "label": rng.choice(["x", "y"], n),
    }
    return pd.DataFrame(columns, ids)


def predictions(products: pd.DataFrame, seed: int = 0, *, confidence: float = 0.9, share: float = 0.5) -> pd.DataFrame:
    rng, n = np.random.default_rng(seed), len(products)
    return pd.DataFrame(
        {
            "label": np.where(rng.random(n) < share, "x", "y"),
            "confidence": (confidence + rng.normal(0, 0.05, n)).clip(0, 1),
            "unusual": "",
            "problem": "",
        },
        products.index,
    )


@pytest.fixture(scope="module")
def drift_of():
    labelled = catalogue(600, 0)
    text, known = fit_text(labelled)
    unusual = Unusual(text, None)
    confidence = predictions(labelled)["confidence"].to_numpy()
    profile = make_profile(labelled, known, confidence, unusual, labelled["label"])
    return lambda: Drift(profile, unusual)


@pytest.fixture(scope="module")
def drift_of_several():
    """Each product has x, and every second one y too."""
    labelled = catalogue(600, 0)
    text, known = fit_text(labelled)
    profile = make_profile(labelled, known, np.full(600, 0.9), Unusual(text, None), lists_of(labelled, share=0.5))
    return lambda: Drift(profile, Unusual(text, None))


def lists_of(products: pd.DataFrame, *, share: float) -> pd.Series:
    has_y = np.arange(len(products)) % 10 < round(10 * share)
    return pd.Series([["x", "y"] if both else ["x"] for both in has_y], products.index)


@pytest.mark.parametrize(("share", "sentences"), [(0.5, 0), (0.9, 1)])
def test_shares_of_several_labels_are_of_the_products(drift_of_several, tmp_path, share, sentences):
    """They do not sum to one; the lists may have been read from Parquet."""
    drift, new = drift_of_several(), catalogue(2000, 1)
    predictions(new).assign(label=lists_of(new, share=share)).to_parquet(tmp_path / "predicted.parquet")
    drift.add(new, pd.read_parquet(tmp_path / "predicted.parquet"))
    told = [line for line in drift.differences() if "predicted classes" in line]
    assert len(told) == sentences
    assert all("'y' 90 % (50 %)" in line and "'x'" not in line for line in told)


@pytest.mark.parametrize("seed", range(1, 6))
def test_products_like_the_labelled_ones_give_no_sentence(drift_of, seed):
    drift = drift_of()
    new = catalogue(2000, seed)
    drift.add(new, predictions(new, seed))
    assert drift.sentences() == []
    assert "No clear difference" in drift.notes()


def changed(what: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return new products of which one thing is different, and their predictions."""
    new = catalogue(400, 1)
    predicted = predictions(new, 1)
    if what == "words":
        new = catalogue(400, 1, [*WORDS[:6], "lampe", "rouge", "grand"])
    if what == "length":
        new = new.assign(title="red lamp")
    if what == "description":
        new = new.assign(description=new["description"].mask(np.arange(400) % 3 == 0))
    if what == "image":
        predicted = predicted.assign(problem=np.where(np.arange(400) % 3 == 0, "missing file", ""))
    if what == "unusual":
        predicted = predicted.assign(unusual=np.where(np.arange(400) % 5 == 0, "text: 3 of 10 words are known", ""))
    if what == "confidence":
        predicted = predictions(new, 1, confidence=0.8)
    if what == "class":
        predicted = predictions(new, 1, share=0.9)
    return new, predicted


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("words", "Fewer of their words are known: "),
        ("length", "Texts are shorter: typically "),
        ("description", "Without description: 34 % (labelled products: 0 %)."),
        ("image", "Without image: 34 % (labelled products: 0 %)."),
        ("unusual", "More are unlike all labelled products (column `unusual`): 20 % (labelled products: 1 %)."),
        ("confidence", "The confidence is lower: on average 80 % (labelled products: 90 %)."),
        ("class", "Other shares of the predicted classes (labelled products): 'y' "),
    ],
)
def test_what_is_different_is_told_and_nothing_else(drift_of, what, sentence):
    drift = drift_of()
    drift.add(*changed(what))
    first, *others = drift.sentences()
    assert first.startswith(sentence)
    assert others == [ADVICE]
    assert first in drift.notes()


def test_shards_give_what_all_products_together_give(drift_of):
    whole, shards = drift_of(), drift_of()
    new, predicted = changed("words")
    whole.add(new, predicted)
    for start in range(0, 400, 70):
        rows = slice(start, start + 70)
        shards.add(new.iloc[rows], predicted.iloc[rows])
    shards.add(new[:0], predicted[:0])
    assert whole.sentences() == shards.sentences() != []
    assert whole.notes() == shards.notes()


def test_of_many_products_the_words_of_each_tenth_are_read_whatever_the_shards(drift_of, monkeypatch):
    monkeypatch.setattr("latefusion.predictor.drift.READ", 100)
    whole, shards = drift_of(), drift_of()
    new, predicted = changed("words")
    whole.add(new, predicted)
    for start in range(0, 400, 33):
        shards.add(new[start : start + 33], predicted[start : start + 33])
    assert whole.sentences() == shards.sentences() != []
    assert whole._sums.measures()["known"].n == shards._sums.measures()["known"].n == 130


def test_few_products_are_not_compared_and_none_is_no_error(drift_of):
    drift = drift_of()
    assert "0 of 0 products" in drift.notes()
    new, predicted = changed("class")
    drift.add(new[: ENOUGH - 1], predicted[: ENOUGH - 1])
    assert drift.sentences() == []
    assert f"Fewer than {ENOUGH} products: not compared" in drift.notes()


def test_reasons_are_counted_by_their_kind(drift_of):
    drift = drift_of()
    new = catalogue(4, 1)
    reasons = ["no text", "text: 3 of 10 words are known", "text: 0 of 4 words are known; image: unlike", ""]
    drift.add(new, predictions(new).assign(unusual=reasons))
    assert drift.n_unusual == 3
    assert (
        "3 of 4 products are unlike the labelled ones: text: few words are known (2), image: unlike (1), "
        in drift.notes()
    )


def test_the_profile_is_the_same_after_saving(drift_of, tmp_path):
    profile = drift_of().profile
    profile.save(tmp_path)
    assert Profile.load(tmp_path) == profile


def test_a_product_that_lost_one_of_its_images_has_an_image(drift_of):
    drift, products = drift_of(), catalogue(200, seed=5)
    products = products.assign(image="gone.jpg\na.jpg")
    drift.add(products, predictions(products).assign(problem="gone.jpg: missing"))
    assert not [line for line in drift.differences() if "image" in line]
