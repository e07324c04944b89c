"""The sample catalogue of products with several labels: each input shows labels that the others do not."""

import colorsys
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers.workspace import REPOSITORY

from latefusion.config import SampleConfig, load_experiment
from latefusion.scores.notes import sample_note
from latefusion.utils.errors import InputError
from sample_catalogue import draw_sample
from sample_catalogue.several.images import HUES, OUTLINES, draw_product
from sample_catalogue.several.plan import SHARES, VAGUENESS, plan_products
from sample_catalogue.several.vocabulary import (
    COLOURS,
    DEPARTMENT_OF,
    FEATURES,
    GROUPS,
    LABELS,
    LOOK_GROUP_OF,
    NOUNS,
    PATTERNS,
    THEMES,
)

SMALL = SampleConfig(products=240, seed=7, image_size=64)
MANY = plan_products(SampleConfig(products=2000))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("several") / "sample"
    assert draw_sample(SMALL, layout="table", root=root)
    return root


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_products(drawn, tmp_path):
    draw_sample(SMALL, layout="table", root=tmp_path)
    assert contents(tmp_path) == contents(drawn)
    other = {product.title for product in plan_products(SMALL.model_copy(update={"seed": 8}))}
    assert len(other & set(read_csv(drawn / "products.csv")["title"])) < 10


def test_tables_name_every_product_once_with_its_image(drawn):
    train, test = read_csv(drawn / "products.csv"), read_csv(drawn / "test_products.csv")
    assert list(train) == ["id", "title", "description", "image_path", "label"]
    assert list(test) == ["id", "title", "description", "image_path"]
    assert (len(train), len(test)) == (192, 48)
    images = [*train["image_path"], *test["image_path"]]
    assert set(images) == {f"images/{path.name}" for path in (drawn / "images").iterdir()}
    assert len(set(images)) == 240
    assert cv2.imread(str(drawn / images[0])).shape == (64, 64, 3)


def test_given_labels_are_wrong_where_that_is_recorded_and_nowhere_else(drawn):
    planned = {product.id: product for product in plan_products(SMALL)}
    given = read_csv(drawn / "products.csv").set_index("id")["label"].str.split("|")
    noise = read_csv(drawn / "hidden" / "label_noise.csv").set_index("id")
    hidden = read_csv(drawn / "hidden" / "y_test.csv").set_index("id")["label"].str.split("|")
    wrong = [i for i in given.index if given[i] != list(planned[i].truth)]
    assert list(noise.index) == wrong
    assert len(wrong) == round(0.05 * 192)
    assert (noise["given"] != noise["true"]).all()
    assert all(given[i] and len(set(given[i])) == len(given[i]) for i in given.index)
    assert {i: list(planned[i].truth) for i in hidden.index} == hidden.to_dict()


def test_products_have_about_three_labels_of_a_flattened_hierarchy():
    assert 2.8 < np.mean([len(product.truth) for product in MANY]) < 3.5
    for product in MANY:
        counts = Counter(next(i for i, group in enumerate(GROUPS) if label in group) for label in product.truth)
        assert set(counts.values()) == {1}
        department, kind = product.truth[:2]
        assert DEPARTMENT_OF[kind] == department
    assert {label for product in MANY for label in product.truth} == set(LABELS)


def naming(text: str, words_of: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the labels that a text has words of."""
    text = text.lower().replace("<br/>", " ")
    return {label for label, words in words_of.items() if any(word.lower() in text for word in words)}


def test_themes_are_named_in_titles_alone_and_features_in_descriptions_alone():
    for product in MANY:
        assert naming(product.title, THEMES) == set(product.truth) & set(THEMES)
        assert naming(product.description, FEATURES) == (
            set(product.truth) & set(FEATURES) if product.description else set()
        )
        assert not naming(product.title, FEATURES)
        assert not naming(product.description, THEMES)


def test_vague_texts_and_images_have_their_shares():
    def names_its_type(product, text: str) -> bool:
        return any(noun in text.lower() for noun in NOUNS[product.truth[1]])

    described = [product for product in MANY if product.description]
    assert abs(np.mean([not names_its_type(p, p.description) for p in described]) - VAGUENESS["description"]) < 0.04
    assert abs(np.mean([not names_its_type(p, p.title) for p in MANY]) - VAGUENESS["title"]) < 0.04
    assert abs(np.mean([p.look != p.truth[1] for p in MANY]) - VAGUENESS["image"] * 2 / 3) < 0.04
    assert abs(np.mean([p.colour is not None for p in MANY]) - SHARES["colour"]) < 0.04
    assert all(product.look in LOOK_GROUP_OF[product.truth[1]] for product in MANY)


@pytest.mark.parametrize("kind", OUTLINES)
def test_an_image_shows_colour_and_pattern(kind):
    def hues(colour: str | None, pattern: str | None) -> np.ndarray:
        product = replace(MANY[0], look=kind, colour=colour, pattern=pattern)
        image = draw_product(product, random.Random(1), 64) / 255
        return np.array([colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3)])

    for colour in COLOURS:
        hue, saturation, value = hues(colour, None).T
        vivid = (saturation > 0.4) & (value > 0.4)
        distance = np.abs((hue[:, None] - list(HUES.values()) + 0.5) % 1 - 0.5)[vivid]
        shown = np.bincount(distance.argmin(axis=1), minlength=len(HUES))
        assert list(HUES)[shown.argmax()] == colour
    images = [hues("Red", pattern)[:, 1] for pattern in (None, *PATTERNS)]
    assert all((np.abs(one - other) > 0.2).mean() > 0.01 for n, one in enumerate(images) for other in images[n + 1 :])


def test_parameters_do_not_disturb_each_other():
    quiet = plan_products(SMALL.model_copy(update={"label_noise": 0.0, "missing_descriptions": 0.0}))
    noisy = plan_products(SMALL)
    assert all(product.labels == product.truth and product.description for product in quiet)
    assert sum(not product.description for product in noisy) == round(0.351 * 240)
    for quiet_one, noisy_one in zip(quiet, noisy, strict=True):
        assert replace(noisy_one, labels=quiet_one.labels, description=quiet_one.description) == quiet_one


def test_it_is_drawn_once_and_never_over_files_of_others(drawn, tmp_path):
    assert not draw_sample(SMALL, layout="table", root=drawn)
    (tmp_path / "products.csv").write_text("somebody's own products")
    with pytest.raises(InputError, match=r"products\.csv"):
        draw_sample(SMALL, layout="table", root=tmp_path)
    assert contents(tmp_path) == {"products.csv": b"somebody's own products"}


def test_it_replaces_a_sample_of_the_challenge(drawn, tmp_path):
    draw_sample(SMALL, layout="ens", root=tmp_path)
    assert draw_sample(SMALL, layout="table", root=tmp_path)
    assert contents(tmp_path) == contents(drawn)


def test_the_report_says_what_each_input_shows(drawn):
    config = REPOSITORY / "configs" / "amazon_sample.yaml"
    note = sample_note(load_experiment(config, [f"catalogue.root={drawn}"]))
    assert note.startswith("Synthetic sample catalogue")
    for share in (*VAGUENESS.values(), *SHARES.values()):
        assert f"{100 * share:.0f} %" in note


def test_a_sample_of_products_with_one_label_has_no_table(tmp_path):
    config = tmp_path / "one.yaml"
    lines = (REPOSITORY / "configs" / "amazon_sample.yaml").read_text().splitlines()
    config.write_text("\n".join(line for line in lines if not line.startswith("label_thresholds")))
    with pytest.raises(InputError, match="sample: cannot be drawn in format table for products with one label"):
        load_experiment(config, ["catalogue.labels=one", "catalogue.label_separator=null"])
