"""Tables are read in blocks: the blocks are the table, in every format, and repeated ids are found across them."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latefusion.catalogue import NewProducts, read_new_products
from latefusion.catalogue import new_products as module
from latefusion.catalogue.reading import open_rows, read_rows
from latefusion.config import Columns, load_new_table
from latefusion.utils.errors import InputError

cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\ufeff", exclude_categories=["Cs", "Cc"]), max_size=8
)
tables = st.lists(st.tuples(cells, cells), min_size=1, max_size=12).map(
    lambda rows: pd.DataFrame([(f"p{n}", *row) for n, row in enumerate(rows)], columns=["id", "title", "description"])
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("blocks")


def write(table: pd.DataFrame, path: Path, encoding: str = "utf-8") -> Path:
    if path.suffix in (".csv", ".tsv"):
        text = table.to_csv(index=False, sep="," if path.suffix == ".csv" else "\t", quoting=1, lineterminator="\n")
        path.write_bytes(text.encode(encoding))
    elif path.suffix == ".jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in table.to_dict("records")]
        path.write_bytes("\n".join(lines).encode(encoding))
    else:
        table.to_parquet(path, row_group_size=3)
    return path


@given(tables, st.integers(1, 13), st.sampled_from(["p.csv", "p.tsv", "p.jsonl", "p.parquet"]))
def test_blocks_of_any_size_are_the_table(folder, table, size, name):
    path = write(table, folder / name)
    whole = read_rows(path, ["id", "description"])
    source = open_rows(path, ["id", "description"])
    for _ in range(2):  # each pass begins anew
        blocks = list(source.blocks(size))
        assert [len(block) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
        pd.testing.assert_frame_equal(pd.concat(blocks), whole)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_found_once_for_all_blocks(folder, encoding):
    table = pd.DataFrame({"id": [f"p{n}" for n in range(30)], "title": ["été à la plage"] * 30, "description": "x"})
    path = write(table, folder / "p.csv", encoding)
    blocks = list(open_rows(path).blocks(7))
    assert pd.concat(blocks)["title"].unique().tolist() == ["été à la plage"]


def test_excel_in_blocks(folder):
    table = pd.DataFrame({"id": list("abcde"), "title": list("vwxyz")})
    table.to_excel(folder / "p.xlsx", index=False)
    blocks = list(open_rows(folder / "p.xlsx").blocks(2))
    assert [len(block) for block in blocks] == [2, 2, 1]
    pd.testing.assert_frame_equal(pd.concat(blocks), read_rows(folder / "p.xlsx"))


def new_products(path: Path, *settings: str) -> NewProducts:
    return NewProducts(load_new_table(path, Columns(), settings))


@pytest.fixture
def repeats(tmp_path, monkeypatch) -> Path:
    """A table in which an id is repeated in another block, and one in the same block."""
    monkeypatch.setattr(module, "BLOCK", 3)
    ids = ["a", "b", "b", "c", "d", "a", "e", "a"]
    path = tmp_path / "new.csv"
    path.write_text("id,title\n" + "".join(f"{id_},title {n}\n" for n, id_ in enumerate(ids)))
    return path


def test_repeated_ids_in_different_blocks_are_refused_with_their_lines(repeats):
    rows = repeats.read_text().splitlines()
    repeats.write_text("\n".join([*rows[:3], *rows[4:]]) + "\n")  # without the repeat in one block
    with pytest.raises(InputError) as refused:
        read_new_products(load_new_table(repeats, Columns(), ()))
    message = str(refused.value)
    assert all(f"new.csv, line {line}: id a" in message for line in (2, 6, 8))
    assert "id b" not in message
    assert "config" not in message
    with pytest.raises(InputError, match="or drop the others with this option"):
        list(NewProducts(load_new_table(repeats, Columns(), ()), "drop the others with this option").check())


def test_the_first_row_of_each_repeated_id_is_kept_if_asked_for(repeats):
    table = new_products(repeats, "catalogue.repeated_ids=drop")
    for _ in table.check():
        pass
    for size in (1, 2, 3, 100):
        products = pd.concat(table.blocks(size))
        assert products["title"].to_dict() == {
            "a": "title 0",
            "b": "title 1",
            "c": "title 3",
            "d": "title 4",
            "e": "title 6",
        }


def test_ids_of_equal_hash_are_not_taken_for_equal(repeats, monkeypatch):
    repeats.write_text("id,title\n" + "".join(f"p{n},x\n" for n in range(8)))
    monkeypatch.setattr(module, "_hash", lambda ids: ids.str.len().to_numpy("uint64"))
    assert len(read_new_products(load_new_table(repeats, Columns(), ()))) == 8


def test_how_a_table_of_new_products_is_written_can_be_said_and_nothing_else(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("code;what\n1;red lamp\n")
    settings = ("catalogue.columns.id=code", "catalogue.columns.title=what", "catalogue.delimiter=semicolon")
    assert read_new_products(load_new_table(path, Columns(), settings))["title"].to_dict() == {"1": "red lamp"}
    for setting, message in {
        "catalogue.root=x": "only these can be set: catalogue.columns",
        "split.seed=1": "only these can be set: catalogue.columns",
        "catalogue.columns.titel=what": "did you mean 'title'",
        "catalogue.delimiter=dots": "catalogue.delimiter: unknown value 'dots'",
    }.items():
        with pytest.raises(InputError, match=message):
            load_new_table(path, Columns(), (setting,))


def test_an_unclosed_quote_in_the_first_row_is_not_blamed_on_the_separator(tmp_path):
    (tmp_path / "new.csv").write_text('id;title\n1;"red lamp\n')
    with pytest.raises(InputError, match="line 2: the quotes do not match"):
        read_rows(tmp_path / "new.csv", ["id", "title"])


@pytest.mark.parametrize("size", [10, 20, 50, None])
def test_a_cell_over_several_lines_is_read_whatever_the_size_of_the_blocks(tmp_path, size):
    """A description with as many commas as a row has is a description, also in a block with few other rows."""
    rows = [f'p{n},"lamp, red",plain' for n in range(64)] + ['p64,"lamp, red","soft\nred, green, blue\nend"']
    (tmp_path / "p.csv").write_text("id,title,description\n" + "\n".join(rows) + "\n")
    read = pd.concat(open_rows(tmp_path / "p.csv").blocks(size))
    assert read["description"].iloc[-1] == "soft\nred, green, blue\nend"


def test_dropped_rows_do_not_count_as_products(repeats):
    table = new_products(repeats, "catalogue.repeated_ids=drop")
    for _ in table.check():
        pass
    assert table.n_products == 5


def test_columns_that_are_not_found_are_named_with_those_that_are_left(tmp_path, caplog):
    (tmp_path / "new.csv").write_text("id,title,Long Description,bild\n1,lamp,bright,1.png\n")
    new_products(tmp_path / "new.csv")
    for field in ("description", "image"):
        assert (
            f"no column is found for the {field}, so all products are without; not used are 'Long Description', "
            f"'bild': is it one of these? Then set catalogue.columns.{field}" in caplog.text
        )
