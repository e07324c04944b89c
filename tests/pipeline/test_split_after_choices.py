"""A person's choices about labels change labels; every other product stays in its split, fold and group."""

import numpy as np
import pandas as pd
import pytest
from helpers.tables import table_config, write_table

from latefusion.config import Split
from latefusion.tables.dataset import Dataset

SHARES = {"valid_fraction": 0.2, "test_fraction": 0.25}


def draw_shop(workspace, *, several: bool, columns: dict, split: dict, **catalogue) -> list[dict]:
    """90 products of three labels, a third with the title of another; the rarest label is in a fold or two only."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(["lamp", "shoe", "mug"], [45, 40, 5]))
    rows = [
        {
            "id": f"p{number}",
            "title": f"thing {number - number % 2 if number < 30 else number}",
            "label": f"{label}|{rng.choice(['new', 'old'])}" if several else label,
            "split": ["train", "train", "test"][number % 3],
            "added": f"2026-{1 + number % 12:02}-{1 + number % 28:02}",
        }
        for number, label in enumerate(labels)
    ]
    write_table(workspace, "products.csv", rows)
    config = table_config(**columns) | {"split": split}
    config["catalogue"] |= ({"labels": "several", "label_separator": "|"} if several else {}) | catalogue
    workspace.write_config(config)
    workspace.settings = config
    return rows


def prepare(workspace, choices: list[dict] | None = None) -> pd.DataFrame:
    if choices is not None:
        write_table(workspace, "choices.csv", choices)
        workspace.settings["catalogue"]["label_choices"] = "choices.csv"
        workspace.write_config(workspace.settings)
    workspace.run("01_prepare.py")
    return pd.read_parquet(workspace.run_root / "catalogue/products.parquet")


def choose(products: pd.DataFrame, *, several: bool) -> list[dict]:
    """Choices about products of every split: two are removed (one has a near-duplicate), four change their label."""
    ids = list(products.index[[0, 31]])
    changed = products.drop(ids).groupby("split").head(2)
    new = [("shoe" if label.startswith("lamp") else "lamp") + ("|new" if several else "") for label in changed["label"]]
    return [
        *({"id": id_, "action": "remove", "label": ""} for id_ in ids),
        *({"id": id_, "action": "change", "label": label} for id_, label in zip(changed.index, new, strict=True)),
    ]


@pytest.mark.parametrize(
    ("split", "columns"),
    [
        (SHARES | {"group_duplicates": False}, {}),
        (SHARES | {"group_duplicates": True}, {}),
        ({"n_folds": 4, "test_fraction": 0.25}, {}),
        (SHARES | {"by": "time"}, {"time": "added"}),
        ({"valid_fraction": 0.2}, {"split": "split"}),
    ],
    ids=["random", "grouped", "folds", "time", "explicit"],
)
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_choices_leave_every_other_product_in_its_split(workspace, split, columns, several):
    draw_shop(workspace, several=several, columns=columns, split=split)
    before = prepare(workspace)
    choices = choose(before, several=several)
    after = prepare(workspace, choices)
    removed = [row["id"] for row in choices if row["action"] == "remove"]
    drawn = ["split", "group", *(["fold"] if "n_folds" in split else [])]
    pd.testing.assert_frame_equal(after[drawn], before[drawn].drop(index=removed))
    labels = pd.Series({row["id"]: row["label"].replace("|", "\n") for row in choices if row["action"] == "change"})
    assert len(labels) >= 4
    assert (after["label"] != before["label"][after.index]).sum() == len(labels)
    assert after["label"][labels.index].equals(labels.astype("str").rename("label").rename_axis("id"))


def test_policies_keep_their_folds_when_labels_change(workspace):
    draw_shop(workspace, several=False, columns={}, split={"n_folds": 4, "test_fraction": 0.25})
    before = prepare(workspace)
    after = prepare(workspace, choose(before, several=False)[2:])
    assert not after["label"].equals(before["label"])
    classes, split = sorted(before["label"].unique()), Split(n_folds=4, test_fraction=0.25)
    assert np.array_equal(*(Dataset(table, classes, split).fusion_folds(3) for table in (before, after)))
    unlike = Dataset(after.drop(columns="label_before"), classes, split).fusion_folds(3)
    assert not np.array_equal(unlike, Dataset(before, classes, split).fusion_folds(3))


def test_products_of_a_label_that_choices_make_frequent_are_trained_on(workspace):
    rows = draw_shop(workspace, several=False, columns={}, split=SHARES, min_products=6)
    before = prepare(workspace)
    mugs = [row["id"] for row in rows if row["label"] == "mug"]
    assert not before.index.isin(mugs).any()
    first = before.index[before["split"] == "train"][0]
    after = prepare(workspace, [{"id": first, "action": "change", "label": "mug"}])
    assert after["split"][before.index].equals(before["split"])
    assert len(mugs) == 5
    assert set(after["split"][mugs]) == {"train"}
    assert after["label"][[first, *mugs]].eq("mug").all()


def test_choices_that_leave_a_label_nothing_to_train_on_are_refused(workspace, capsys):
    draw_shop(workspace, several=False, columns={}, split=SHARES)
    before = prepare(workspace)
    mugs = before[before["label"] == "mug"]
    held_out = mugs.index[mugs["split"] != "train"]
    assert 0 < len(held_out) < len(mugs)
    with pytest.raises(SystemExit):
        prepare(workspace, [{"id": id_, "action": "remove", "label": ""} for id_ in mugs.index.difference(held_out)])
    error = capsys.readouterr().err
    assert "these choices leave no train product with the label mug" in error
    assert held_out[0] in error
