"""JSON lines and Excel files are read like other tables; what cannot be read is refused with file and line or row."""

import datetime
import json
import logging
import zipfile
from pathlib import Path

import openpyxl
import pytest

from latefusion.catalogue import read_catalogue
from latefusion.catalogue.reading import read_rows
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

COLUMNS = {"description": None, "image": None}
HEADER = ["id", "title", "label"]


def table(root: Path, **more) -> CatalogueConfig:
    return CatalogueConfig(**{"format": "table", "root": root, "columns": COLUMNS} | more)


def refusal(path: Path, **columns) -> str:
    with pytest.raises(InputError) as caught:
        read_catalogue(table(path.parent, products=path.name, columns=COLUMNS | columns))
    return str(caught.value)


def jsonl(path: Path, *records: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records), encoding="utf-8")
    return path


def excel(path: Path, *rows: list, title: str = "Products", more: tuple[str, ...] = ()) -> Path:
    workbook = openpyxl.Workbook()
    workbook.active.title = title
    for row in rows:
        workbook.active.append(row)
    for name in more:
        workbook.create_sheet(name).append(["nothing"])
    workbook.save(path)
    return path


# ---- JSON lines


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".JSONL"])
def test_json_lines_are_read_like_a_table(tmp_path, suffix):
    records = [
        {"id": 1, "title": 'Chair, "red"\nand é', "label": 7, "other": {"a": [1]}},
        {"title": "Lamp", "id": "b", "label": 2.0},
        {"id": 3.5, "title": True, "label": None},
    ]
    jsonl(tmp_path / f"p{suffix}", records[0], "", *records[1:])
    products = read_catalogue(table(tmp_path, products=f"p{suffix}"))
    assert products.index.to_list() == ["1", "b", "3.5"]
    assert products["title"].to_list() == ['Chair, "red"\nand é', "Lamp", "True"]
    assert products["label"].fillna("").to_list() == ["7", "2", ""]
    assert products["location"].to_list() == [f"p{suffix}, line {line}" for line in (1, 3, 4)]


def test_json_lines_may_be_new_products_and_have_another_encoding(tmp_path):
    jsonl(tmp_path / "p.jsonl", {"id": "a", "title": "x", "label": "l"})
    line = json.dumps({"id": "b", "title": "café"}, ensure_ascii=False)
    (tmp_path / "new.jsonl").write_bytes(f"{line}\r\n".encode("cp1252"))
    products = read_catalogue(table(tmp_path, products="p.jsonl", test_products="new.jsonl"))
    assert products.loc["b", "title"] == "café"


GOOD = {"id": "a", "title": "x", "label": "l"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"id": "b", "title"', ["line 2: not JSON", "one object per line"]),
        ('[{"id": "b"}]', ["line 2: not an object: '[{"]),
        ("7", ["line 2: not an object: '7'"]),
        ('{"id": "b", "id": "c"}', ["line 2", "the key 'id' is there twice"]),
        ('{"id": "b", "title": ["x"], "label": "l"}', ["line 2: 'title' holds a list"]),
        ('{"id": "b", "title": {"en": "x"}, "label": "l"}', ["line 2: 'title' holds an object"]),
        ('{"id": "b", "title": "\\ud83d", "label": "l"}', ["line 2: a character that is cut in half"]),
        ('{"id": "b", "title": 1e999, "label": "l"}', ["line 2", "too large a number"]),
        ('{"id": "b", "title": NaN, "label": "l"}', ["line 2: id b", "without a title"]),
        ('{"id": "b", "title": Infinity, "label": "l"}', ["line 2", "Infinity"]),
        ("[" * 100_000, ["line 2"]),
    ],
)
def test_json_that_is_no_product_is_named(tmp_path, line, expected):
    found = refusal(jsonl(tmp_path / "p.jsonl", GOOD, line))
    for part in ["p.jsonl", *expected]:
        assert part in found


def test_json_keys_that_are_missing_everywhere_are_missing_columns(tmp_path):
    assert "no column 'title'; did you mean 'titel'" in refusal(
        jsonl(tmp_path / "p.jsonl", {"id": "a", "titel": "x", "label": "l"}), title="title"
    )
    assert "is empty" in refusal(jsonl(tmp_path / "p.jsonl", "", ""))


# ---- Excel


def test_excel_is_read_like_a_table(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = [
        [1, "Chair", 7.0, None],
        [],
        ["00123", 1.5, 7, "note"],
        [3.0, datetime.datetime(2026, 1, 2), None],
        [4, datetime.datetime(2026, 1, 2, 3, 4), True],
    ]
    excel(tmp_path / "p.xlsx", [], ["id", "title", "label"], *rows, more=("Prices", "Hints"))
    products = read_catalogue(table(tmp_path, products="p.xlsx"))
    assert products.index.to_list() == ["1", "00123", "3", "4"]
    assert products["title"].to_list() == ["Chair", "1.5", "2026-01-02", "2026-01-02 03:04:00"]
    assert products["label"].fillna("").to_list() == ["7", "7", "", "True"]
    assert products["location"].to_list() == [f"p.xlsx, row {row}" for row in (3, 5, 6, 7)]
    assert "p.xlsx: sheet 'Products' (the first of 3), 4 rows" in caplog.text


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "sheet 'Products' is empty"),
        ([HEADER], "has a header, row 1, but no rows"),
        ([["id", "titel", "label"], ["a", "x", "l"]], "did you mean 'titel'"),
        ([["id", "title", "title", "label"], ["a", "x", "y", "l"]], "duplicate column 'title'"),
        ([HEADER, ["a", "x", "l"], ["b", "#N/A", "l"]], "p.xlsx, row 3: cell B3 holds the error #N/A"),
        ([HEADER, ["a", "x", "l"], ["b", '=A2&"x"', "l"]], "row 3: cell B3 holds a formula without a saved value"),
        ([HEADER, ["a", "x", "l"], ["a", "y", "l"]], "p.xlsx, row 3: id a"),
    ],
)
def test_excel_problems_name_the_cell(tmp_path, rows, expected):
    assert expected in refusal(excel(tmp_path / "p.xlsx", *rows), title="title")


def test_values_of_formulas_are_read_where_excel_has_saved_them(tmp_path):
    path = excel(tmp_path / "p.xlsx", HEADER, ["a", '="Ch"&"air"', "l"])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    saved = (
        parts[name]
        .replace(b"<v></v>", b"<v>Chair</v>")
        .replace(b"<v />", b"<v>Chair</v>")
        .replace(b"<v/>", b"<v>Chair</v>")
    )
    parts[name] = saved.replace(b'<c r="B2"', b'<c t="str" r="B2"')
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    assert read_rows(path)["title"].to_list() == ["Chair"]


def test_errors_in_columns_that_are_not_read_do_not_matter(tmp_path):
    path = excel(tmp_path / "p.xlsx", [*HEADER, "stock"], ["a", "x", "l", "#REF!"])
    assert read_catalogue(table(tmp_path, products=path.name)).index.to_list() == ["a"]


@pytest.mark.parametrize("content", [b"id,title\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0 an old .xls"])
def test_what_is_no_excel_file_is_named(tmp_path, content):
    (tmp_path / "p.xlsx").write_bytes(content)
    assert "p.xlsx: not an Excel file (.xlsx), or a damaged one" in refusal(tmp_path / "p.xlsx")


def test_a_cut_excel_file_is_named(tmp_path):
    path = excel(tmp_path / "p.xlsx", HEADER, *[[f"p{n}", f"x{n}", "l"] for n in range(300)])
    content = path.read_bytes()
    for size in range(100, len(content), 700):
        path.write_bytes(content[:size])
        assert "not an Excel file (.xlsx), or a damaged one" in refusal(path)


def test_other_suffixes_are_refused_with_those_that_are_read(tmp_path):
    (tmp_path / "p.xls").write_bytes(b"x")
    found = refusal(tmp_path / "p.xls")
    for suffix in (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".xlsx"):
        assert suffix in found


def test_the_only_table_of_the_folder_is_named_if_the_one_asked_for_is_missing(tmp_path):
    excel(tmp_path / "goods.xlsx", HEADER, ["1", "red lamp", "lamp"])
    (tmp_path / "notes.txt").write_text("no table")
    with pytest.raises(InputError, match=r"holds goods.xlsx, notes.txt; if it is goods.xlsx, set catalogue.products"):
        read_catalogue(table(tmp_path))
