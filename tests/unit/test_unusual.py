"""Products that are unlike all labelled ones are flagged, and usual ones are not."""

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latefusion.images.store import ImageStore
from latefusion.predictor.unusual import FEWEST_IMAGES, NAME, Unusual, fit_image, fit_text, texture, words_of
from latefusion.utils.errors import InputError

NOUNS = ["lamp", "shoe", "table", "curtain", "watch", "bottle", "blanket", "keyboard", "mirror", "basket"]
OTHERS = ["red", "large", "cotton", "steel", "with", "for", "kitchen", "garden", "soft", "modern", "women", "pack"]


def catalogue(n: int = 300, seed: int = 0) -> pd.DataFrame:
    """Titles of three words, and descriptions of twelve, of which one in ten is of this product alone."""
    rng = np.random.default_rng(seed)
    titles = [f"{rng.choice(OTHERS)} {rng.choice(OTHERS)} {rng.choice(NOUNS)} {number}" for number in range(n)]
    texts = [" ".join([*rng.choice(OTHERS + NOUNS, 11), chr(97 + seed) * 3 + letters(number)]) for number in range(n)]
    ids = pd.Index([f"p{number}" for number in range(n)], name="id", dtype="str")
    return pd.DataFrame({"title": titles, "description": texts, "image": None, "group": range(n)}, ids)


def letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


def titled(*titles: str, description: str | None = None) -> pd.DataFrame:
    return pd.DataFrame({"title": titles, "description": pd.array([description] * len(titles), dtype="str")})


@pytest.fixture(scope="module")
def rule():
    return fit_text(catalogue())[0]


def test_other_products_of_the_catalogue_are_usual_and_so_are_their_titles_alone(rule):
    new = catalogue(seed=1)
    for products in (new, new.assign(description=None)):
        assert (rule.reasons(products) != "").mean() <= 0.03


@pytest.mark.parametrize(
    "title",
    [
        "Elegante Armbanduhr für Damen mit Lederarmband",
        "qwert asdfg zxcvb qwert yuiop",
        "女士优雅手表真皮表带",
        "дамские часы с кожаным ремешком и стальным корпусом",
        "सुंदर महिला घड़ी चमड़े का पट्टा",
    ],
)
def test_other_languages_and_random_letters_are_flagged_with_the_number_of_known_words(rule, title):
    n = len(words_of(title))
    assert rule.reasons(titled(title)).tolist() == [f"text: 0 of {n} words are known"]


def test_few_words_are_weak_evidence(rule):
    assert rule.reasons(titled("iPhone", "iPhone lamp", "X")).tolist() == ["", "", "text: no words"]
    assert rule.reasons(titled("Vogelhaus Buchenholz Einflugloch"))[0]


def test_no_text_and_no_words_are_said_so_unless_many_labelled_products_have_none(rule):
    new = titled("", "4711-0815", "123 !!")
    assert rule.reasons(new).tolist() == ["no text", "text: no words", "text: no words"]
    products = catalogue()
    products.loc[products.index[:10], ["title", "description"]] = ["", None]
    products.loc[products.index[10:20], ["title", "description"]] = ["4711", None]
    assert fit_text(products)[0].reasons(new).tolist() == ["", "", ""]


def test_a_products_own_words_do_not_count_as_known_nor_those_of_its_near_duplicates():
    products = catalogue(40)
    alone = fit_text(products)[1]
    assert (alone < 1).all()  # each has a word of its own
    twice = pd.concat([products, products.set_axis(products.index + "b")])
    np.testing.assert_allclose(fit_text(twice)[1][:40], alone)
    assert (fit_text(twice.assign(group=range(80)))[1] == 1).all()


def test_titles_without_a_common_word_flag_nothing():
    products = catalogue(50).assign(description=None)
    products["title"] = [f"{letters(number)}xyz" for number in range(50)]
    rule = fit_text(products)[0]
    assert rule.reasons(titled("something else entirely")).tolist() == [""]


@given(st.lists(st.text(max_size=200), max_size=5))
def test_no_text_breaks_the_rule(titles):
    rule = fit_text(catalogue(60))[0]
    reasons = rule.reasons(titled(*titles))
    assert len(reasons) == len(titles)
    assert all(isinstance(reason, str) for reason in reasons)


def test_scripts_without_spaces_are_read_in_pairs_and_digits_are_no_words():
    assert words_of("女士手表") == {"女士", "士手", "手表"}
    assert words_of("表 Lamp lamp a 12 x2y _ab_") == {"表", "lamp", "ab"}
    assert words_of("naïve café") == words_of("NAÏVE CAFÉ") == {"naïve", "café"}


def photograph(rng: np.random.Generator) -> np.ndarray:
    """Blurred noise with a few soft edges, as in photographs."""
    image = cv2.GaussianBlur(rng.integers(0, 256, (150, 150, 3)).astype(np.float32), (0, 0), rng.uniform(1.5, 4))
    image = (image - image.mean()) * 4 + rng.integers(100, 180)
    cv2.circle(image, rng.integers(40, 110, 2).tolist(), 35, rng.integers(0, 256, 3).tolist(), -1)
    return cv2.GaussianBlur(image.clip(0, 255), (0, 0), 1).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with photographs and others, and the table of the photographs of labelled products."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(FEWEST_IMAGES + 60):
        cv2.imwrite(str(folder / f"{number}.png"), photograph(rng))
    cv2.imwrite(str(folder / "noise.png"), rng.integers(0, 256, (150, 150, 3), dtype=np.uint8))
    cv2.imwrite(str(folder / "white.png"), np.full((150, 150, 3), 255, dtype=np.uint8))
    cv2.imwrite(str(folder / "chart.png"), np.kron(rng.integers(0, 2, (10, 10)), np.full((15, 15), 255)))
    return folder, catalogue(FEWEST_IMAGES).assign(image=[f"{number}.png" for number in range(FEWEST_IMAGES)])


def test_images_of_another_texture_are_flagged_and_missing_ones_are_not(photos):
    folder, labelled = photos
    rule = fit_image(labelled, ImageStore(labelled, folder))
    names = ["noise.png", "white.png", "chart.png", None, *(f"{FEWEST_IMAGES + number}.png" for number in range(60))]
    new = titled(*["lamp"] * len(names)).assign(image=names)
    reasons = rule.reasons(new, ImageStore(new, folder))
    assert (reasons[:3] == "image: unlike those of the catalogue").all()
    assert reasons[3] == ""
    assert (reasons[4:] != "").mean() <= 0.05


def test_there_is_no_rule_for_images_from_few(photos):
    folder, labelled = photos
    assert fit_image(labelled.iloc[1:], ImageStore(labelled, folder)) is None


def test_textures_are_alike_at_any_size_and_brightness():
    image = photograph(np.random.default_rng(3))
    own = texture(cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA))
    assert own.shape == (29,)
    assert np.linalg.norm(own) == pytest.approx(1)
    turned = texture(np.ascontiguousarray(np.rot90(cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA))))
    np.testing.assert_allclose(turned[:10], own[:10], atol=1e-6)  # the patterns do not depend on the direction


def test_rules_are_the_same_after_saving_and_reasons_are_joined(photos, rule, tmp_path):
    folder, labelled = photos
    unusual = Unusual(rule, fit_image(labelled, ImageStore(labelled, folder)))
    unusual.save(tmp_path)
    new = titled("qwert asdfg zxcvb", "red lamp").assign(image=["noise.png", None])
    store = ImageStore(new, folder)
    expected = unusual.reasons(new, store).tolist()
    assert expected == ["text: 0 of 3 words are known; image: unlike those of the catalogue", ""]
    assert Unusual.load(tmp_path).reasons(new, store).tolist() == expected
    Unusual(None, unusual.image).save(tmp_path)
    assert Unusual.load(tmp_path).text is None
    assert Unusual.load(tmp_path).reasons(new[:0], store).tolist() == []


@pytest.mark.parametrize("content", [None, b"", b"half", b"\x08" + b"\0" * 7 + b'{"a": 1}'])
def test_damaged_rules_are_refused_in_words(tmp_path, content):
    if content is not None:
        (tmp_path / NAME).write_bytes(content)
    with pytest.raises(InputError, match=r"unusual\.safetensors: it is missing or damaged: export the model again"):
        Unusual.load(tmp_path)


def test_the_flags_of_a_product_do_not_depend_on_those_beside_it(photos, rule):
    folder, labelled = photos
    unusual = Unusual(rule, fit_image(labelled, ImageStore(labelled, folder)))
    names = ["noise.png", "7.png", None, "white.png"]
    new = titled("qwert asdfg zxcvb", "red lamp", "", "soft curtain").assign(image=names)
    alone = [unusual.reasons(new.iloc[[row]], ImageStore(new, folder))[0] for row in range(4)]
    assert unusual.reasons(new, ImageStore(new, folder)).tolist() == alone


def test_there_is_no_rule_if_all_images_are_nearly_the_same_one(photos):
    folder, labelled = photos
    assert fit_image(labelled.assign(group=7), ImageStore(labelled, folder)) is None
