"""A person's choices about labels are applied when a catalogue is read; what cannot be applied is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latefusion.catalogue import read_with_issues
from latefusion.config import CatalogueConfig, CnnExpert, Denoise, Experiment
from latefusion.denoise.ranking import rank_label_issues
from latefusion.plan.planning import plan
from latefusion.utils.errors import InputError

PRODUCTS = "id,title,label\na,Chair,x\nb,Lamp,y\nc,Mug,x\nd,Cup,y\nnew,Pot,\n"
COLUMNS = {"description": None, "image": None}


def catalogue(root: Path, *choices: str, header: str = "id,action,label", **more) -> CatalogueConfig:
    (root / "products.csv").write_text(PRODUCTS)
    (root / "choices.csv").write_text("\ufeff" + "".join(f"{line}\r\n" for line in (header, *choices)))
    return CatalogueConfig(
        **{"format": "table", "root": root, "columns": COLUMNS, "label_choices": "choices.csv"} | more
    )


def refusal(config: CatalogueConfig) -> str:
    with pytest.raises(InputError) as caught:
        read_with_issues(config)
    return str(caught.value)


def test_labels_are_changed_products_removed_and_both_are_listed(tmp_path):
    config = catalogue(tmp_path, "a,keep,", "b,change,x", "c,remove,", "d,change,y")
    read = read_with_issues(config)
    assert read.products["label"].dropna().to_dict() == {"a": "x", "b": "x", "d": "y"}
    assert list(read.products.index) == ["a", "b", "d", "new"]
    assert read.issues[["id", "action"]].to_numpy().tolist() == [["c", "dropped"], ["b", "changed"]]
    assert read.issues["reason"].tolist() == [
        "removed by choice, choices.csv, line 4",
        "label changed, by choices.csv, line 3: 'y' to 'x'",
    ]
    assert list(read.issues.index) == ["products.csv, line 4", "products.csv, line 3"]
    without = config.model_copy(update={"label_choices": None})
    assert read_with_issues(without).products["label"].dropna().to_dict() == {"a": "x", "b": "y", "c": "x", "d": "y"}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["a,keep,", "z,keep,"], "not in the catalogue:\n  choices.csv, line 3: id z"),
        (["a,keep,", "a,remove,"], "Duplicate ids:\n  choices.csv, line 2: id a\n  choices.csv, line 3: id a"),
        (["a,delete,"], "Unknown actions in the label choices:\n  choices.csv, line 2: action 'delete' of id a"),
        (["a,change,"], "Changes without a label:\n  choices.csv, line 2: id a"),
        (["a,change,X"], "choices.csv, line 2: 'X'; did you mean 'x'?"),
        (["a,keep,y"], "choices.csv, line 2: action 'keep' of id a has 'y'"),
        (["new,change,x"], "products without a label:\n  choices.csv, line 2: id new"),
        ([",keep,"], "Rows without an id:\n  choices.csv, line 2"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_line(tmp_path, choices, message):
    assert message in refusal(catalogue(tmp_path, *choices))


def test_a_missing_file_or_column_is_named(tmp_path):
    assert "no column 'action': it needs id, action and label; columns found: 'id', 'do'" in refusal(
        catalogue(tmp_path, "a,keep", header="id,do")
    )
    (tmp_path / "choices.csv").rename(tmp_path / "old.csv")
    config = CatalogueConfig(format="table", root=tmp_path, columns=COLUMNS, label_choices="choices.csv")
    assert "choices.csv not found: the folder holds old.csv, products.csv" in refusal(config)


def test_rows_that_are_left_out_anyway_may_have_choices(tmp_path):
    config = catalogue(tmp_path, "e,remove,", "f,keep,", missing_titles="drop")
    with (tmp_path / "products.csv").open("a") as file:
        file.write("e,,x\nf,,y\n")
    assert list(read_with_issues(config).products.index) == ["a", "b", "c", "d", "new"]


def test_the_file_is_part_of_the_catalogues_fingerprint(tmp_path):
    def fingerprint(**more) -> str:
        config = {
            "name": "shop",
            "catalogue": {"format": "table", "root": str(tmp_path)} | more,
            "experts": {"tfidf": {"kind": "tfidf"}},
            "policies": {"only": {"experts": ["tfidf"]}},
        }
        return plan(Experiment.model_validate(config))["catalogue"].fingerprint

    catalogue(tmp_path, "a,keep,")
    found = {fingerprint(), fingerprint(label_choices="choices.csv")}
    (tmp_path / "choices.csv").write_text("id,action,label\na,remove,\n")
    found |= {fingerprint(), fingerprint(label_choices="choices.csv")}
    assert len(found) == 3  # without the key, the file's content does not count


def test_denoising_removes_no_product_whose_label_is_confirmed():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=300)
    wrong = np.arange(300) % 10 == 0
    pred_probs = 0.8 * np.eye(3)[np.where(wrong, (labels + 1) % 3, labels)] + 0.2 / 3
    ids = pd.Index([f"p{number}" for number in range(300)], name="id")
    settings = Denoise(network=CnnExpert(model="resnet10t", pretrained=False), remove_fraction=1, max_class_share=0.9)
    removed = rank_label_issues(ids, labels, pred_probs, ["a", "b", "c"], settings)
    assert removed["removed"].all()
    issues = rank_label_issues(ids, labels, pred_probs, ["a", "b", "c"], settings, ids[wrong][:5])
    assert set(issues.index[~issues["removed"]]) == set(ids[wrong][:5])
