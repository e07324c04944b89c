"""Tables of any bytes, in any separator, encoding and format, are read or refused, and valid ones come back.

For longer: HYPOTHESIS_PROFILE=long python -m pytest tests/unit/test_tolerant_fuzz.py
"""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latefusion.catalogue.reading import read_rows
from latefusion.utils.errors import InputError

HEADER = ["id", "title", "description"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def workbook() -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (HEADER, ["a", 1, 2.5], ["b", "=A2", None], ["c", "é", True]):
        book.active.append(row)
    book.save(content)
    return content.getvalue()


SEEDS = {
    "p.jsonl": b'{"id": 1, "title": "\xc3\xa9", "description": null}\n{"id": "b", "title": [1], "description": {}}\n',
    "p.xlsx": workbook(),
    "p.csv": 'id;title;description\n1;"Déco; ""x""";été\n2;Größe;"a\nb"\n'.encode("cp1252"),
    "p.tsv": "id|title|description\n1|красный|стул\n".encode("cp1251"),
}
tokens = st.sampled_from(
    [b'"', b",", b";", b"\n", b"\0", b"\xff\xfe", b"{", b"[", b"\\ud800", b"1e999", b"\xe9", b"sep=;\n"]
)


@st.composite
def mutated(draw, seed: bytes) -> bytes:
    """Draw bytes with up to four places changed."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 4)))
        data[start:end] = draw(tokens | st.binary(max_size=4))
    return bytes(data)


def attempt(path: Path, **options):
    try:
        return read_rows(path, **options)
    except InputError as error:
        message = str(error)
    assert path.name in message
    return None


@pytest.mark.parametrize("name", SEEDS)
@given(data=st.data())
def test_any_bytes_are_a_table_or_an_error(folder, name, data):
    path = folder / name
    path.write_bytes(data.draw(mutated(SEEDS[name])))
    for options in ({}, {"others": True}):
        rows = attempt(path, **options)
        if rows is not None:
            assert set(rows.dtypes.astype(str)) == {"str"}
            assert "".join(rows.to_numpy().ravel()).encode()  # text that can be written


letters = st.text(st.sampled_from('ab é;,|\t"\n1'), max_size=12)
bodies = st.lists(st.tuples(letters, letters), min_size=1, max_size=6)


@given(rows=bodies, delimiter=st.sampled_from(",;\t|"), encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]))
def test_named_separators_and_encodings_give_what_was_written(folder, rows, delimiter, encoding):
    words = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
    path = folder / "named.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([HEADER, *([f"p{n}", *row] for n, row in enumerate(rows))])
    found = attempt(path, delimiter=words[delimiter], encoding=encoding, quoted=True)
    assert found is not None
    assert found[["title", "description"]].to_numpy().tolist() == [list(row) for row in rows]
    found = attempt(path, quoted=True)  # found: the bytes of cp1252 may be read otherwise, but not the cells
    assert found is not None
    assert found["id"].to_list() == [f"p{n}" for n in range(len(rows))]


plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(rows=st.lists(st.tuples(plain, plain), min_size=1, max_size=6))
def test_json_lines_come_back(folder, rows):
    path = folder / "valid.jsonl"
    records = [{"id": f"p{n}", "title": title, "description": text} for n, (title, text) in enumerate(rows)]
    for ascii_only in (True, False):
        text = "".join(json.dumps(record, ensure_ascii=ascii_only) + "\n" for record in records)
        path.write_text(text, encoding="utf-8", newline="")
        found = read_rows(path)
        assert found[["title", "description"]].to_numpy().tolist() == [list(row) for row in rows]
