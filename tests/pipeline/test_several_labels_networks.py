"""Networks on products with several labels: each kind learns them, and is exported as it was trained."""

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_CNN, TINY_DCL, TINY_END_TO_END, TINY_FROZEN, TINY_TRANSFORMER
from pydantic import ValidationError

from latefusion.config import Experiment
from latefusion.experts.context import Context
from latefusion.experts.exported import Opening, export_expert, open_expert
from latefusion.experts.kinds import EXPERTS
from latefusion.utils.files import read_json, write_json

WORDS = {"lamp": "bright lamp", "mug": "mug for coffee"}  # in the title
MATERIALS = {"wood": "made of oak", "steel": "steel without rust"}  # in the description
COLOURS = {"blue": (20, 40, 220), "red": (220, 30, 30)}  # in the image
CLASSES = sorted([*WORDS, *MATERIALS, *COLOURS])
TRAIN = {"epochs": 4, "batch_size": 16, "lr": 0.01, "positive_weight": 2}
NETWORKS = {
    "words": {"kind": "text_cnn", "filters": 8, "embedding_size": 8, "train": TRAIN | {"lr": 0.03, "keep_last": 2}},
    "words_late": {"kind": "late", "of": "words", "epochs_before_end": 1},
    "encoder": TINY_TRANSFORMER | {"train": TRAIN | {"epochs": 12, "lr": 0.02, "warmup_fraction": 0}},
    "cnn": TINY_CNN | {"train": TRAIN},
    "dcl": TINY_DCL | {"start_from": "cnn", "train_on": "all", "train": TRAIN | {"epochs": 1}},
    "frozen": TINY_FROZEN | {"text": "words", "image": "dcl", "train": TRAIN},
    "end_to_end": TINY_END_TO_END | {"text": "words", "image": "cnn", "train": TRAIN | {"epochs": 6, "lr": 0.02}},
}
SEEN = {"words": WORDS, "words_late": WORDS, "encoder": MATERIALS, "cnn": COLOURS, "dcl": COLOURS}


def config(**networks) -> dict:
    return {
        "name": "tiny",
        "catalogue": {"format": "table", "root": "shop", "labels": "several"},
        "experts": NETWORKS | networks,
        "policies": {"all": {"kind": "mean", "experts": ["words"]}},
        "vote": {"members": ["all"]},
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


def write_shop(experiment: Experiment) -> None:
    """Write the prepared catalogue of 160 products with one to three labels, of which the image shows the colours."""
    rng, rows = np.random.default_rng(0), {}
    (experiment.catalogue.root / "images").mkdir(parents=True)
    for number in range(160):
        labels = {str(rng.choice(sorted(kinds))) for kinds in (WORDS, MATERIALS, COLOURS) if rng.random() < 0.7}
        labels = labels or {"lamp"}
        image = np.full((40, 40, 3), 255, np.uint8)
        for colour in labels & COLOURS.keys():
            image[8:32, 8:32] = COLOURS[colour][::-1]  # OpenCV writes BGR
        cv2.imwrite(str(experiment.catalogue.root / f"images/{number}.png"), image)
        rows[f"p{number}"] = {
            "title": " ".join(["item", *(text for label, text in WORDS.items() if label in labels)]),
            "description": next((text for label, text in MATERIALS.items() if label in labels), None),
            "image": f"images/{number}.png",
            "label": "\n".join(sorted(labels)),
            "split": "train" if number < 96 else "valid" if number < 128 else "test",
        }
    folder = experiment.run_root / "catalogue"
    folder.mkdir(parents=True)
    pd.DataFrame.from_dict(rows, orient="index").astype("str").to_parquet(folder / "products.parquet")
    write_json(folder / "classes.json", CLASSES)
    write_json(folder / "left_out.json", [])


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """The context of an experiment with all networks trained; the current folder is its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("several"))
        experiment = Experiment.model_validate(config())
        write_shop(experiment)
        context = Context(experiment)
        for name, expert in experiment.experts.items():
            EXPERTS[expert.kind].require("train")(context, name, expert)
        yield context


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_assigns_the_labels_that_it_can_see(context, name):
    run_dir, test = context.experiment.expert_dir(name), context.dataset.evaluation_splits["test"]
    probs, targets = pd.read_parquet(run_dir / "test_probs.parquet"), context.dataset.targets(test)
    assert list(probs.columns) == CLASSES
    assert ((probs >= 0) & (probs <= 1)).all(axis=None)
    assert not np.allclose(probs.sum(axis=1), 1)  # no softmax
    for label in SEEN.get(name, MATERIALS | COLOURS):
        labelled = targets[:, CLASSES.index(label)] == 1
        # of all pairs of a product with the label and one without it, the share that is ranked rightly
        right = probs[label].to_numpy()[labelled][:, None] > probs[label].to_numpy()[~labelled]
        assert right.mean() > 0.75
    assert {"valid_micro_f1", "valid_accuracy"} <= read_json(run_dir / "metrics.json").keys()


def test_every_network_predicts_the_same_when_exported(context, tmp_path):
    test = context.dataset.evaluation_splits["test"]
    for name in NETWORKS:
        export_expert(context, name, tmp_path / name)
        opening = Opening(
            folder=tmp_path / name, experts=context.experiment.experts, num_classes=len(CLASSES), several=True,
            accelerator=context.accelerator, hardware=context.experiment.hardware,
        )  # fmt: skip
        kept = pd.read_parquet(context.experiment.expert_dir(name) / "test_probs.parquet")
        found = open_expert(opening, name)(test, context.images)
        np.testing.assert_allclose(found, kept, atol=1e-5, err_msg=name)


def test_an_adversarial_head_of_one_class_per_product_is_refused():
    with pytest.raises(ValidationError, match=r"experts\.dcl\.adversarial: cls_mul needs one class per product"):
        Experiment.model_validate(config(dcl=NETWORKS["dcl"] | {"adversarial": "cls_mul"}))
