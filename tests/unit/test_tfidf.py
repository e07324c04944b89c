"""The tfidf expert: reads both fields, chooses its regularisation, gives probabilities that mean what they say."""

import numpy as np
import pandas as pd
import pytest
from helpers.tables import draw_titles
from scipy.sparse import issparse

from latefusion.config import TfidfExpert
from latefusion.dataset.split import stratified_sample
from latefusion.experts.text import tfidf
from latefusion.experts.text.tfidf import TfidfClassifier, texts
from latefusion.experts.text.vocabularies import Vocabularies
from latefusion.utils.errors import InputError

EXPERT = TfidfExpert(kind="tfidf", cv_products=400)


@pytest.fixture(scope="module")
def noisy():
    """Three classes told apart by their words; three in ten labels are drawn at random."""
    rng = np.random.default_rng(0)
    words = np.array([f"mot{number}" for number in range(60)])
    targets = rng.integers(3, size=900)
    written = [" ".join(rng.choice(words[20 * target : 20 * target + 20], 6)) for target in targets]
    wrong = rng.random(900) < 0.3
    targets[wrong] = rng.integers(3, size=wrong.sum())
    return written, targets


def test_title_and_description_are_read_and_cleaned():
    products = pd.DataFrame({"title": ["Lampe <b>rouge</b>", "NA"], "description": ["l&#39;&eacute;t&eacute;", None]})
    assert texts(products, EXPERT) == ["Lampe rouge l'été", "NA"]


@pytest.mark.parametrize(("reads", "expected"), [("title", ["Lampe", "NA"]), ("description", ["l'été", ""])])
def test_one_of_both_is_read_if_the_config_says_so(reads, expected):
    products = pd.DataFrame({"title": ["Lampe", "NA"], "description": ["l&#39;&eacute;t&eacute;", None]})
    assert texts(products, EXPERT.model_copy(update={"reads": reads})) == expected


def test_classes_are_found_by_words_in_either_field():
    products = pd.DataFrame(
        {
            "title": ["lampe rouge", "objet", "livre vert", "objet"] * 10,
            "description": [None, "lampe rouge", None, "livre vert"] * 10,
        }
    )
    targets = np.array([0, 0, 1, 1] * 10)
    probs = TfidfClassifier(EXPERT).fit(texts(products, EXPERT), targets).predict_proba(texts(products, EXPERT))
    assert (probs.argmax(axis=1) == targets).all()


def test_probabilities_are_calibrated(noisy):
    """With three labels in ten drawn at random, an honest classifier is 80 % sure at most, and right as often."""
    written, targets = noisy
    probs = TfidfClassifier(EXPERT).fit(written[:600], targets[:600]).predict_proba(written[600:])
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    right = (probs.argmax(axis=1) == targets[600:]).mean()
    assert probs.max(axis=1).mean() == pytest.approx(right, abs=0.06)


def test_regularisation_is_chosen_by_cross_validation(noisy):
    written, targets = noisy

    def fit(*candidates: float) -> dict:
        expert = EXPERT.model_copy(update={"regularisation": candidates})
        return TfidfClassifier(expert).fit(written, targets).facts

    losses = {C: fit(C)["oof_log_loss"] for C in (0.0001, 0.01, 100.0)}
    chosen = fit(100.0, 0.01, 0.0001)  # neither the first nor the last is the best
    assert chosen["C"] == min(losses, key=losses.get) == 0.01
    assert chosen["oof_log_loss"] == pytest.approx(losses[chosen["C"]])


def test_a_second_fit_gives_the_same_probabilities(noisy):
    written, targets = noisy
    first, second = (TfidfClassifier(EXPERT).fit(written, targets).predict_proba(written) for _ in range(2))
    assert np.array_equal(first, second)


def test_features_stay_sparse(noisy, monkeypatch):
    written, targets = noisy
    seen = []
    fit = tfidf.LinearSVC.fit
    monkeypatch.setattr(tfidf.LinearSVC, "fit", lambda svm, X, y: seen.append(X) or fit(svm, X, y))
    TfidfClassifier(EXPERT).fit(written, targets)
    assert all(issparse(features) and features.dtype == np.float32 for features in seen)


@pytest.mark.parametrize("rare", [1, 2])
@pytest.mark.parametrize("num_classes", [2, 3])
def test_classes_of_few_products_get_probabilities_too(rare, num_classes):
    written = ["lampe rouge salon"] * 20 + ["livre vert poche"] * 20 * (num_classes - 2) + ["velo bleu"] * rare
    targets = np.repeat(np.arange(num_classes), [20, *[20] * (num_classes - 2), rare])
    probs = TfidfClassifier(EXPERT).fit(written, targets).predict_proba(written)
    assert probs.shape == (len(written), num_classes)
    assert np.isfinite(probs).all()


def test_a_text_without_known_words_gets_probabilities(noisy):
    probs = TfidfClassifier(EXPERT).fit(*noisy).predict_proba(["", "zzz"])
    assert np.isfinite(probs).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("cv_products", [20_000, 800])
def test_near_duplicates_stay_in_one_fold_and_keep_the_log_loss_honest(cv_products):
    """Each title four times: by folds that part them every title is known, and the probabilities say so of all."""
    expert = TfidfExpert(kind="tfidf", char_ngrams=None, regularisation=(0.1, 3.0), cv_products=cv_products)
    (written, targets), (others, truth) = draw_titles(600, 1), draw_titles(600, 2)

    def log_losses(groups: np.ndarray | None) -> tuple[float, float]:
        """Return the log loss out of fold, and on other products."""
        model = TfidfClassifier(expert).fit(list(np.repeat(written, 4)), np.repeat(targets, 4), groups)
        probs = model.predict_proba(others)[np.arange(600), truth]
        return model.facts["oof_log_loss"], -np.log(probs).mean()

    out_of_fold, on_others = log_losses(np.repeat(np.arange(600), 4))
    assert out_of_fold == pytest.approx(on_others, abs=0.2)
    assert on_others < log_losses(None)[1] - 0.25


def test_a_sample_may_have_fewer_groups_than_there_are_folds():
    """Three of five groups of 30 make 100 products: three folds."""
    written = [f"{('lampe', 'livre')[n % 2]} {n}" for n in range(150)]
    expert = TfidfExpert(kind="tfidf", n_folds=5, cv_products=100, regularisation=(1.0,))
    model = TfidfClassifier(expert).fit(written, np.arange(150) % 2, np.arange(150) // 30)
    assert model.predict_proba(["lampe"])[0, 0] > 0.9


def test_a_sample_takes_whole_groups_and_of_every_class():
    labels = np.repeat([0, 1, 2, 0], [3000, 900, 6, 94])
    groups = np.arange(4000) // 3  # two of the groups have two labels
    rows = stratified_sample(labels, 400, 0, groups)
    assert set(groups[rows]).isdisjoint(groups[np.setdiff1d(np.arange(4000), rows)])
    assert len(rows) == pytest.approx(400, rel=0.1)
    assert np.bincount(labels[rows])[1] == pytest.approx(90, rel=0.1)
    assert (labels[rows] == 2).sum() == 6  # two groups, and so is every class of at least two units
    assert np.array_equal(stratified_sample(labels, 400, 0), stratified_sample(labels, 400, 0, np.arange(4000)))
    assert np.array_equal(stratified_sample(labels, 4000, 0), np.arange(4000))


THINGS = [
    *("白色台灯阅读", "黑色皮鞋男士", "咖啡马克杯陶瓷", "橡木餐桌家用", "儿童玩具汽车"),
    *("不锈钢水壶", "女士手提包", "纯棉床单", "蓝牙耳机无线", "游戏手柄"),
]
KINDS = ["高级", "经典", "简约", "新款", "复古", "豪华", "轻便", "加厚", "迷你", "大号", "小号", "可爱"]
CATALOGUES = {  # title of product n of class n % 10
    "chinese": lambda n: f"{KINDS[n % 12]}{THINGS[n % 10]}{KINDS[n // 10]}",
    "emoji": lambda n: chr(0x1F400 + n % 10),
    "article numbers": lambda n: f"{n % 10}{n % 10}{n % 10}{n:05d}",
}


@pytest.mark.parametrize("title", CATALOGUES.values(), ids=CATALOGUES)
def test_titles_without_words_that_repeat_are_told_apart_by_their_characters(title, caplog):
    caplog.set_level("INFO")
    products = pd.DataFrame({"title": [title(n) for n in range(120)], "description": None})
    targets = np.arange(120) % 10
    expert = TfidfExpert(kind="tfidf")
    model = TfidfClassifier(expert, "mine").fit(texts(products[:80], expert), targets[:80])
    preds = model.predict_proba(texts(products[80:], expert)).argmax(axis=1)
    assert (preds == targets[80:]).mean() > 0.9
    assert "mine: no words are in 2 or more texts: skipped" in caplog.text


@pytest.mark.parametrize(
    ("settings", "title", "message"),
    [
        ({}, "<b></b>", "mine: no words or character n-grams are in 2 or more of the 30 training texts: lower exp"),
        ({"char_ngrams": None}, "白色台灯", "set experts.mine.char_ngrams"),
        ({"min_df": 31}, "lampe", "experts.mine.min_df 31: there are 30 training products"),
        ({"n_folds": 31}, "lampe", "experts.mine.n_folds 31: there are 30 training products"),
        ({"n_folds": 16}, "lampe", "experts.mine.n_folds 16: there are 15 groups of near-duplicates among"),
    ],
)
def test_too_little_to_learn_from_is_refused_in_words(settings, title, message):
    expert = TfidfExpert(kind="tfidf", **settings)
    products = pd.DataFrame({"title": [title if "<" in title else f"{title}{n}" for n in range(30)]})
    groups = np.arange(30) // 2 if settings == {"n_folds": 16} else None
    written = texts(products.assign(description=None), expert)
    with pytest.raises(InputError) as refused:
        TfidfClassifier(expert, "mine").fit(written, np.arange(30) % 2, groups)
    assert message in str(refused.value)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("settings", [{}, {"char_ngrams": None}, {"char_ngrams": (1, 2), "word_ngrams": (1, 1)}])
def test_a_saved_model_predicts_the_same_bits(tmp_path, settings, n_classes):
    expert = TfidfExpert(kind="tfidf", **settings)
    titles = [f"lampe {n % n_classes} num\u00e9ro {n}" for n in range(40)]
    written = texts(pd.DataFrame({"title": titles, "description": None}), expert)
    model = TfidfClassifier(expert, "mine").fit(written, np.arange(40) % n_classes)
    model.save(tmp_path)
    new = [*written, "", "chaise"]
    assert np.array_equal(TfidfClassifier.load(tmp_path, expert).predict_proba(new), model.predict_proba(new))
    assert model.predict_proba(new).shape == (42, n_classes)


def test_a_damaged_vocabulary_is_refused_with_its_path(tmp_path):
    (tmp_path / "vocabulary.parquet").write_bytes(b"half")
    with pytest.raises(InputError, match=r"vocabulary.parquet: cannot be read as a vocabulary"):
        Vocabularies.load(tmp_path / "vocabulary.parquet", TfidfExpert(kind="tfidf"))


def test_classes_of_one_product_do_not_make_all_probabilities_equal():
    """Half of the products are the only ones of their class: no classifier of the cross-validation can know them."""
    rng = np.random.default_rng(0)
    titles = [f"lampe {rng.integers(9)}" if n % 2 else f"chaise {rng.integers(9)}" for n in range(60)]
    titles += [f"objet{n} rare{n}" for n in range(60)]
    targets = np.array([n % 2 for n in range(60)] + list(range(2, 62)))
    expert = TfidfExpert(kind="tfidf", min_df=1)
    written = texts(pd.DataFrame({"title": titles, "description": None}), expert)
    model = TfidfClassifier(expert, "mine").fit(written, targets)
    probs = model.predict_proba(written[:60])
    assert (probs.argmax(axis=1) == targets[:60]).all()
    assert probs.max(axis=1).min() > 0.5
