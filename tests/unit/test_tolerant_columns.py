"""Columns of usual names are found, columns that the user names never replaced; several columns make a description."""

import logging
from pathlib import Path

import pytest

from latefusion.catalogue import read_catalogue
from latefusion.catalogue.usual_names import USUAL_NAMES
from latefusion.config import CatalogueConfig, Columns
from latefusion.utils.errors import InputError

DEFAULTS = {"id": "id", "title": "title", "description": "description", "image": "image_path", "label": "label"}
CELLS = {"id": "a", "title": "Chair", "description": "Red", "image": "a.jpg", "label": "x"}


def table(root: Path, columns: dict | None = None, **more) -> CatalogueConfig:
    return CatalogueConfig(format="table", root=root, columns=columns or {}, **more)


def write(root: Path, header: list[str], *rows: list[str], name: str = "products.csv") -> Path:
    (root / name).write_text("".join(",".join(row) + "\n" for row in [header, *rows]), encoding="utf-8")
    return root


def refusal(catalogue: CatalogueConfig) -> str:
    with pytest.raises(InputError) as caught:
        read_catalogue(catalogue)
    return str(caught.value)


def usual() -> list[tuple[str, str]]:
    """The usual names, and some as they are written."""
    spellings = [("id", "Product ID"), ("id", "productid"), ("id", "ID"), ("label", "Product-Category")]
    spellings += [("title", "NAME"), ("image", "Image"), ("image", "ImagePath"), ("title", " title ")]
    return [(field, name) for field, names in USUAL_NAMES.items() for name in names] + spellings


@pytest.mark.parametrize(("field", "name"), usual())
def test_a_column_of_a_usual_name_is_taken_and_named(tmp_path, caplog, field, name):
    caplog.set_level(logging.INFO)
    write(tmp_path, [*(DEFAULTS | {field: name}).values(), "other"], [*CELLS.values(), "o"])
    products = read_catalogue(table(tmp_path))
    assert products.reset_index()[list(CELLS)].loc[0].to_dict() == CELLS
    if name != DEFAULTS[field]:
        assert f"products.csv: the column '{name}' is taken for the {field}" in caplog.text
        assert f"catalogue.columns.{field}" in caplog.text


def test_the_default_is_preferred_and_nothing_is_said(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write(tmp_path, [*DEFAULTS.values(), "name", "sku"], [*CELLS.values(), "other", "s"])
    assert read_catalogue(table(tmp_path)).loc["a", "title"] == "Chair"
    assert "is taken for" not in caplog.text


def test_the_own_name_in_capitals_is_preferred_to_other_names(tmp_path):
    write(tmp_path, ["SKU", "ID", "Name", "description", "image_path", "label"], ["s", "a", "Chair", "Red", "", "x"])
    assert read_catalogue(table(tmp_path)).index.to_list() == ["a"]


def test_several_usual_names_are_refused_with_all_of_them(tmp_path):
    write(tmp_path, ["sku", "item_id", "name", "product_name", "label"], ["s", "a", "b", "c", "x"])
    found = refusal(table(tmp_path, {"description": None, "image": None}))
    for part in ["products.csv", "the id could be any of 'sku', 'item_id'", "'name', 'product_name'", "columns.title"]:
        assert part in found


def test_a_column_that_the_user_names_is_never_replaced(tmp_path):
    write(tmp_path, ["id", "name", "titel", "label"], ["a", "b", "c", "x"])
    found = refusal(table(tmp_path, {"title": "title", "description": None, "image": None}))
    assert "no column 'title'; did you mean 'titel'" in found


def test_a_column_that_the_user_names_is_not_taken_for_another_field(tmp_path):
    write(tmp_path, ["id", "name", "product_name", "label"], ["a", "b", "c", "x"])
    columns = {"description": "name", "image": None}
    assert read_catalogue(table(tmp_path, columns)).loc["a", ["title", "description"]].to_list() == ["c", "b"]


def test_each_table_has_its_own_names(tmp_path):
    write(tmp_path, ["id", "title", "label"], ["a", "Chair", "x"])
    write(tmp_path, ["sku", "Name"], ["b", "Lamp"], name="new.csv")
    products = read_catalogue(table(tmp_path, {"description": None, "image": None}, test_products="new.csv"))
    assert products["title"].to_dict() == {"a": "Chair", "b": "Lamp"}


def test_what_has_no_usual_name_is_missing_as_before(tmp_path):
    write(tmp_path, ["id", "titel", "label"], ["a", "b", "x"])
    found = refusal(table(tmp_path))
    for part in [
        "no column 'title'; did you mean 'titel'",
        "no column 'description'",
        "no column 'image_path'",
        "null",
    ]:
        assert part in found


def test_an_empty_label_column_is_named_as_it_is(tmp_path):
    write(tmp_path, ["id", "title", "category"], ["a", "b", ""])
    assert "no row has a label in the column 'category'" in refusal(
        table(tmp_path, {"description": None, "image": None})
    )


# ---- several columns in the description


def test_several_columns_make_lines_of_the_description_without_missing_values(tmp_path):
    write(
        tmp_path,
        ["id", "title", "label", "text", "brand", "colour"],
        ["a", "Chair", "x", "Solid oak", "Acme", "red"],
        ["b", "Lamp", "y", "", "NaN", "blue"],
        ["c", "Mug", "y", " ", "", ""],
        ["d", "Desk", "y", "Oak", "", ""],
    )
    columns = {"description": ["text", "brand", "colour"], "image": None}
    found = read_catalogue(table(tmp_path, columns))["description"]
    assert found["a"] == "Solid oak\nbrand: Acme\ncolour: red"
    assert found["b"] == "colour: blue"
    assert found.isna().to_dict() == {"a": False, "b": False, "c": True, "d": False}
    assert found["d"] == "Oak"


def test_a_list_of_one_column_is_that_column(tmp_path):
    write(tmp_path, ["id", "title", "label", "text"], ["a", "Chair", "x", " Solid oak "])
    for description in ("text", ["text"]):
        products = read_catalogue(table(tmp_path, {"description": description, "image": None}))
        assert products.loc["a", "description"] == " Solid oak "


def test_each_column_of_the_list_must_be_there(tmp_path):
    write(tmp_path, ["id", "title", "label", "text"], ["a", "Chair", "x", "Solid oak"])
    found = refusal(table(tmp_path, {"description": ["text", "brand"], "image": None}))
    assert "no column 'brand'" in found


@pytest.mark.parametrize("description", [[], ["a", "a"]])
def test_lists_without_sense_are_refused(description):
    with pytest.raises(ValueError, match="description"):
        Columns(description=description)
