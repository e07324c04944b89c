"""Missing titles and repeated ids are errors, or kept and dropped by policy: counted in the log and listed."""

import logging
from pathlib import Path

import pytest

from latefusion.catalogue import read_catalogue, read_with_issues
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

COLUMNS = {"description": None, "image": None}
HEADER = "id,title,label"


def table(root: Path, *lines: str, **more) -> CatalogueConfig:
    (root / "products.csv").write_text("".join(f"{line}\n" for line in (HEADER, *lines)))
    return CatalogueConfig(**{"format": "table", "root": root, "columns": COLUMNS} | more)


def refusal(catalogue: CatalogueConfig) -> str:
    with pytest.raises(InputError) as caught:
        read_catalogue(catalogue)
    return str(caught.value)


UNTITLED = ("a,Chair,x", "b, ,x", "c,,y", "d,,", "e,Lamp,y")
REPEATED = ("a,Chair,x", "b,Lamp,y", "a,Chair,x", "b,Other,y", "b,Other,y", "b,,", "c,Mug,x")


@pytest.mark.parametrize(
    ("policy", "left", "actions", "told"),
    [
        ("keep", "abcde", {"b": "kept", "c": "kept", "d": "kept"}, "0 products dropped, 3 kept without title"),
        ("drop", "ade", {"b": "dropped", "c": "dropped", "d": "kept"}, "2 products dropped, 1 kept without title"),
    ],
)
def test_products_without_a_title_are_kept_or_dropped_but_never_those_to_predict(
    tmp_path, caplog, policy, left, actions, told
):
    caplog.set_level(logging.INFO)
    products, issues, _ = read_with_issues(table(tmp_path, *UNTITLED, missing_titles=policy))
    assert "".join(products.index) == left
    assert (products["title"][[id_ for id_, action in actions.items() if action == "kept"]] == "").all()
    assert issues.set_index("id")["action"].to_dict() == actions
    assert set(issues["reason"]) == {"no title"}
    assert issues.index.to_list() == [f"products.csv, line {line}" for line in (3, 4, 5)]
    assert f"missing titles: {told}" in caplog.text


def test_of_repeated_ids_the_first_row_is_kept(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    products, issues, _ = read_with_issues(table(tmp_path, *REPEATED, repeated_ids="drop"))
    assert products["title"].to_dict() == {"a": "Chair", "b": "Lamp", "c": "Mug"}
    assert products["split"].isna().all()  # rows without a label that only repeat an id are not to be predicted
    assert issues.reset_index().to_numpy().tolist() == [
        ["products.csv, line 4", "a", "repeated id, equal to products.csv, line 2", "dropped"],
        ["products.csv, line 5", "b", "repeated id, differs from products.csv, line 3", "dropped"],
        ["products.csv, line 6", "b", "repeated id, differs from products.csv, line 3", "dropped"],
        ["products.csv, line 7", "b", "repeated id, differs from products.csv, line 3", "dropped"],
    ]
    assert "repeated ids: 4 rows dropped, of which 3 differ" in caplog.text


def test_by_default_both_are_errors_that_name_the_keys(tmp_path):
    found = refusal(table(tmp_path, *UNTITLED))
    assert "catalogue.missing_titles to keep" in found
    found = refusal(table(tmp_path, *REPEATED))
    for part in ["products.csv, line 2: id a", "products.csv, line 4: id a", "catalogue.repeated_ids to drop"]:
        assert part in found


def test_without_such_rows_nothing_is_listed_or_said(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    catalogue = table(tmp_path, "a,Chair,x", "b,Lamp,y", missing_titles="drop", repeated_ids="drop")
    assert read_with_issues(catalogue).issues.empty
    assert caplog.text == ""


def test_rows_without_an_id_are_never_dropped(tmp_path):
    found = refusal(table(tmp_path, "a,Chair,x", ",Lamp,y", ",Mug,y", repeated_ids="drop"))
    assert "Rows without an id" in found
    assert "line 4" in found


def test_a_product_cannot_be_both_learnt_from_and_predicted_whatever_the_policy(tmp_path):
    (tmp_path / "new.csv").write_text("id,title\na,Chair\n")
    found = refusal(table(tmp_path, "a,Chair,x", "b,Lamp,y", repeated_ids="drop", test_products="new.csv"))
    assert "products.csv, line 2: id a" in found
    assert "new.csv, line 2: id a" in found


def test_new_products_may_be_repeated_too(tmp_path):
    (tmp_path / "new.csv").write_text("id,title\nc,Chair\nc,Chair\n")
    catalogue = table(tmp_path, "a,Chair,x", "b,Lamp,y", repeated_ids="drop", test_products="new.csv")
    products, issues, _ = read_with_issues(catalogue)
    assert products.index.to_list() == ["a", "b", "c"]
    assert issues.index.to_list() == ["new.csv, line 3"]


def test_dropped_rows_are_not_checked_further(tmp_path):
    columns = COLUMNS | {"split": "label"}
    lines = ("a,Chair,train", "b,Lamp,test", "b,Lamp,nonsense")
    assert len(read_catalogue(table(tmp_path, *lines, repeated_ids="drop", columns=columns))) == 2


def test_repeated_ids_of_the_challenge_are_always_errors():
    with pytest.raises(ValueError, match="repeated_ids: only for format table"):
        CatalogueConfig(format="sigir", root="x", repeated_ids="drop")
