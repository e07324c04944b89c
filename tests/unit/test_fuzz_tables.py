"""Any table is read or refused: tables, Parquet, test labels, submissions and texts that no shop would write.

Whatever the bytes, the result is a table or an InputError, never another exception, and no row is lost. For longer than
the suite takes:

    HYPOTHESIS_PROFILE=long python -m pytest tests/test_fuzz_tables.py
"""

import csv
import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyarrow import parquet as pq

from latefusion.catalogue import class_order, read_catalogue, read_test_labels
from latefusion.catalogue.reading import read_rows
from latefusion.config import CatalogueConfig
from latefusion.dataset.cleaning import clean
from latefusion.submission import ENS, SIGIR, validate_challenge, validate_predictions, write_submissions
from latefusion.utils.errors import InputError

X_SIGIR = "Integer_id\tTitle\tDescription\tImage_id\tProduct_id\n"
X_ENS = ",designation,description,productid,imageid\n"
LAYOUTS: dict[str, tuple[dict, dict[str, str]]] = {  # the settings of each catalogue, and its files
    "sigir": (
        {"format": "sigir"},
        {
            "X_train.tsv": X_SIGIR + '0\tTable 5"\t<p>Bois</p>\t100\t200\n1\t"NA\tNaN\t101\t201\n2\tnull\t\t102\t202\n',
            "Y_train.tsv": "Integer_id\tImage_id\tProduct_id\tPrdtypecode\n"
            "2\t102\t202\t10\n0\t100\t200\t2583\n1\t101\t201\t10\n",
            "x_test_task1_phase1.tsv": X_SIGIR + "8\tLivre\t\t108\t208\n7\tJeu\tde cartes\t107\t207\n",
            "truth.csv": "id,label\n8,10\n7,2583\n",
        },
    ),
    "ens": (
        {"format": "ens"},
        {
            "X_train_update.csv": X_ENS + '0,"Table 5"", bois","une ligne\net une",200,100\n1,NA,NaN,201,101\n',
            "Y_train_CVw08PX.csv": ",prdtypecode\n1,10\n0,2583\n",
            "X_test_update.csv": X_ENS + "2,null,,202,102\n",
            "truth.csv": "id,label\n2,10\n",
        },
    ),
    "csv": (
        {"format": "table", "test_products": "new.csv"},
        {
            "products.csv": "id,title,description,image_path,label\n"
            'a,Red chair,"Solid, ""oak""",images/a.jpg,chairs\nb,Blue lamp,,./b.jpg,lamps\nc,"two\nlines",NaN,,\n',
            "new.csv": "title,id,description,image_path\nDesk,e,,\n",
            "truth.csv": "id,label\nc,lamps\ne,chairs\n",
        },
    ),
    "tsv": (
        {"format": "table", "products": "products.tsv", "quoted": False},
        {
            "products.tsv": "id\ttitle\tdescription\timage_path\tlabel\n"
            'a\tScreen 24"\t\ta.jpg\t1\nb\t"Retro" lamp\tx\t\t2.5\nc\tMug\ty\t\t\n',
            "truth.csv": "id,label\nc,1\n",
        },
    ),
}
TOKENS = [b'"', b'""', b",", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"9" * 5000]
TOKENS += [
    text.encode() for text in ["1.0", "-", " ", "É", "\u200b", "\u2028", "\x1c", "e\u0301", "/", "..", "NaN", "id"]
]


@st.composite
def edits(draw) -> Callable[[bytes], bytes]:
    """Draw a function that makes one to five changes to any bytes: replaced, inserted, removed, repeated, cut off."""
    token = st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=3)
    where = st.floats(0, 1, exclude_max=True)
    kinds = st.sampled_from(["replace", "insert", "remove", "repeat", "cut"])
    changes = draw(st.lists(st.tuples(kinds, where, st.integers(1, 40), token), min_size=1, max_size=5))

    def apply(data: bytes) -> bytes:
        for kind, share, length, new in changes:
            start = int(share * len(data))
            end = start + (len(new) if kind == "replace" else length)
            before, middle, after = data[:start], data[start:end], data[end:]
            data = {
                "replace": before + new + after,
                "insert": before + new + middle + after,
                "remove": before + after,
                "repeat": before + middle + middle + after,
                "cut": before if length == 1 else data,
            }[kind]
        return data

    return apply


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def attempt(work: Callable, *arguments):
    """Return what the work returns, None where it refuses; any other exception fails the test."""
    try:
        return work(*arguments)
    except InputError:
        return None


def check_products(products: pd.DataFrame) -> None:
    """Assert what every reader promises of the canonical table."""
    assert products.index.is_unique
    assert set(products.dtypes.astype(str)) == {"str"}
    assert products["title"].str.strip().ne("").all()
    assert (products["label"].isna() | (products["split"] != "submit")).all()
    assert not products.index.str.contains("\r").any()
    assert class_order(products["label"])


# ---- text tables


@given(
    broken=st.sampled_from([(layout, name) for layout, (_, files) in LAYOUTS.items() for name in files]), edit=edits()
)
def test_a_mutated_catalogue_is_read_or_refused(folder, broken, edit):
    layout, broken = broken
    settings, files = LAYOUTS[layout]
    for name, text in files.items():
        (folder / name).write_bytes(edit(text.encode()) if name == broken else text.encode())
    catalogue = CatalogueConfig(root=folder, test_labels="truth.csv", **settings)
    products = attempt(read_catalogue, catalogue)
    if products is None:
        return
    check_products(products)
    labels = attempt(read_test_labels, catalogue, products)
    if labels is not None:
        assert labels.index.isin(products.index[products["split"] == "submit"]).all()
        assert labels.isin(products["label"]).all()


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
nasty = st.text(st.sampled_from('",\t\n\r\0ab \u200bé;|'), max_size=12)


@st.composite
def tables(draw) -> list[dict[str, str]]:
    """Draw valid products: unique ids, titles that say something, two classes; any text in all else."""
    ids = draw(
        st.lists(
            (anything | nasty).filter(lambda id_: id_.strip() and "\r" not in id_), min_size=2, max_size=6, unique=True
        )
    )
    titles = (anything | nasty).filter(str.strip)
    row = st.tuples(titles, anything | nasty, st.sampled_from(["lamps", "Schuhe\n1", 'the "x"', "é,\tz"]))
    rows = draw(st.lists(row, min_size=len(ids), max_size=len(ids)))
    return [
        dict(zip(("id", "title", "description", "label"), (id_, *row), strict=True))
        for id_, row in zip(ids, rows, strict=True)
    ]


def by_id(rows: list[dict[str, str]]) -> dict[str, tuple[str, str]]:
    return {row["id"]: (row["title"], row["label"]) for row in rows}


@given(rows=tables(), suffix=st.sampled_from([".csv", ".tsv", ".parquet"]), trusted=st.booleans())
def test_valid_tables_come_back_row_by_row(folder, rows, suffix, trusted):
    path = folder / f"valid{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    catalogue = CatalogueConfig(
        format="table", root=folder, products=path.name, columns={"image": None}, quoted=True if trusted else None
    )
    products = attempt(read_catalogue, catalogue)
    if trusted or suffix == ".parquet":
        assert products is not None
    if products is not None:
        found = zip(products.index, products["title"], products["label"], strict=True)
        assert {id_: (title, label) for id_, title, label in found} == by_id(rows)
        assert list(products.index) == [row["id"] for row in rows]


unquoted_text = st.text(st.sampled_from('""" ab\'é'), max_size=6)


@given(
    cells=st.lists(st.tuples(unquoted_text, unquoted_text, unquoted_text), min_size=1, max_size=8),
    suffix=st.sampled_from([".csv", ".tsv"]),
)
def test_no_row_of_an_unquoted_table_vanishes(folder, cells, suffix):
    """Whatever quotation marks its cells hold: all rows come back, or the table is refused."""
    path = folder / f"unquoted{suffix}"
    delimiter = "," if suffix == ".csv" else "\t"
    rows = [["id", "a", "b", "c"], *([f"p{number}", *row] for number, row in enumerate(cells))]
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    assert read_rows(path, quoted=False).to_numpy().tolist() == rows[1:]
    found = attempt(read_rows, path)
    if found is not None:
        assert found["id"].to_list() == [row[0] for row in rows[1:]]


# ---- Parquet


def parquet_bytes(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


PARQUET = [
    parquet_bytes(
        pa.table(
            {
                "id": ["a", "b", "c", "d"],
                "title": ["Chair", "Lamp", "Lamp", None],
                "description": pa.array(["x", None, "é", "y"]).dictionary_encode(),
                "label": pa.array([1.0, None, 2.0, 1.0]),
                "other": pa.array([18000, None, 1, 2], pa.int32()).cast(pa.date32()),
            }
        ),
        compression=compression,
        use_dictionary=False,
        write_page_checksum=checksum,
        data_page_version=version,
    )
    for compression, checksum, version in [("none", False, "1.0"), ("none", True, "2.0"), ("snappy", False, "2.0")]
]


@given(data=st.sampled_from(PARQUET), edit=edits())
def test_mutated_parquet_is_read_or_refused(folder, data, edit):
    path = folder / "mutated.parquet"
    path.write_bytes(edit(data))
    rows = attempt(read_rows, path)
    if rows is not None:
        assert set(rows.dtypes.astype(str)) == {"str"}
        assert len(rows) == 4
    columns = {"image": "other"}
    products = attempt(
        read_catalogue, CatalogueConfig(format="table", root=folder, products=path.name, columns=columns)
    )
    if products is not None:
        check_products(products)


SIMPLE = [pa.string(), pa.large_string(), pa.string_view(), pa.int8(), pa.uint64(), pa.float16(), pa.float32()]
SIMPLE += [pa.float64(), pa.bool_(), pa.date32(), pa.date64(), pa.decimal128(38, 3), pa.decimal256(76, 0), pa.null()]
OTHER = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2), pa.timestamp("ns", "UTC"), pa.time64("ns")]
OTHER += [pa.duration("us"), pa.list_(pa.binary()), pa.struct([("x", pa.string())]), pa.map_(pa.string(), pa.int8())]


@st.composite
def columns_of(draw, kinds: list[pa.DataType]) -> pa.Array:
    """Draw a column of three cells, of random bits under one of these types, some null."""
    kind = draw(st.sampled_from(kinds))
    if pa.types.is_null(kind) or pa.types.is_nested(kind):
        return pa.nulls(3, kind)
    present = [draw(st.booleans()) for _ in range(3)]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.array([draw(anything) if there else None for there in present], kind)
    if "binary" in str(kind):
        return pa.array([b"xy" if there else None for there in present], kind)
    width = -(-kind.bit_width // 8)
    bits = draw(st.binary(min_size=3 * width, max_size=3 * width))
    valid = pa.array(present).buffers()[1]
    return pa.Array.from_buffers(kind, 3, [valid, pa.py_buffer(bits)])


@given(column=columns_of(SIMPLE) | columns_of(OTHER))
def test_parquet_of_any_type_is_read_as_text_or_refused(folder, column):
    path = folder / "typed.parquet"
    try:
        pq.write_table(pa.table({"id": ["a", "b", "c"], "x": column}), path)
    except pa.ArrowException:  # a decimal or a date that Parquet has no bits for
        assume(False)
    rows = attempt(read_rows, path)
    if column.type in OTHER:
        assert rows is None
    if rows is not None:
        assert [cell == "" for cell in rows["x"]] == [is_empty(cell) for cell in column.to_pylist()]


def is_empty(cell: object) -> bool:
    return cell is None or cell == "" or cell != cell


# ---- texts

MARKUP = ["<", ">", "</", "/>", "<!--", "-->", "<![CDATA[", "]]>", "<script>", "</script>", "<style ", "<p a='", '="']
MARKUP += ["&", ";", "&amp;", "&lt;", "&#39;", "&#x", "&EACUTE;", "&nbsp", "a", " ", "\n", "\u200b", "\ufb01", "\uff21"]
MARKUP += ["Ã©", "â€", "\ud83d"]
texts = st.text(max_size=40) | st.lists(st.sampled_from(MARKUP), max_size=25).map("".join)


@pytest.mark.parametrize("mode", ["decode", "repair", "published"])
@given(text=texts)
def test_any_text_is_cleaned_to_one_line(mode, text):
    cleaned = clean(text, mode)
    assert cleaned == " ".join(cleaned.split())
    if mode == "decode" and not re.search("[<&\uff1c\uff06]", text):  # markup may be escaped many times over
        assert clean(cleaned) == cleaned
    if mode == "published" and "\n" not in text:
        assert cleaned == " ".join(re.sub(r"<.*?>|&([a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});", " ", text).split())


@given(
    mode=st.sampled_from(["decode", "repair", "published"]),
    pieces=st.lists(st.sampled_from(MARKUP), min_size=1, max_size=4),
)
def test_a_long_text_takes_no_longer_than_its_length(mode, pieces):
    """A pattern of quadratic time would take minutes."""
    text = "".join(pieces)
    text *= 100_000 // len(text)
    start = time.process_time()
    clean(text, mode)
    assert time.process_time() - start < 10


# ---- submissions

SIGIR_GOOD = "Integer_id\tImage_id\tProduct_id\tPrdtypecode\n8\t108\t208\t10\n7\t107\t207\t2583\n"
ENS_GOOD = ",prdtypecode\n2,10\n"
CODES = ["10", "2583"]


@pytest.mark.parametrize(
    ("challenge", "layout", "test_file", "good"),
    [
        (SIGIR, "sigir", "x_test_task1_phase1.tsv", SIGIR_GOOD),
        (ENS, "ens", "X_test_update.csv", ENS_GOOD),
    ],
    ids=["sigir", "ens"],
)
@given(edit=edits())
def test_a_mutated_submission_is_accepted_only_if_it_is_a_good_one(folder, challenge, layout, test_file, good, edit):
    (folder / test_file).write_text(LAYOUTS[layout][1][test_file], encoding="utf-8")
    path = folder / "mine.txt"
    path.write_bytes(edit(good.encode()))
    if attempt(validate_challenge, path, challenge, folder / test_file, CODES) is not None:
        header, *lines = good.splitlines()
        rows = "".join(
            re.escape(line.rpartition(challenge.delimiter)[0] + challenge.delimiter) + "(10|2583)\n" for line in lines
        )
        assert re.fullmatch((re.escape(header) + "\n" + rows).encode(), path.read_bytes())


@given(edit=edits())
def test_mutated_predictions_are_accepted_only_if_all_products_are_there(folder, edit):
    ids, labels = ["a", "b\tc", "d"], ["books", "toys"]
    path = folder / "predictions.tsv"
    path.write_bytes(edit(b'id\tlabel\tconfidence\na\tbooks\t0.5\n"b\tc"\ttoys\t1.0\nd\tbooks\t0.0\n'))
    if attempt(validate_predictions, path, pd.Index(ids), labels) is not None:
        _, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")), delimiter="\t")
        rows = [row for row in rows if row]
        assert [row[0] for row in rows] == ids
        assert {row[1] for row in rows} <= set(labels)
        assert all(0 <= float(row[2]) <= 1 for row in rows)


@given(rows=tables())
def test_whatever_ids_and_labels_are_read_can_be_written(folder, rows):
    """What 09_predict.py would refuse is refused by 01_prepare.py."""
    catalogue = CatalogueConfig(format="table", root=folder)
    ids = pd.Index([row["id"] for row in rows], name="id", dtype="str")
    predictions = pd.DataFrame({"label": [row["label"] for row in rows], "confidence": 0.5}, ids).astype(
        {"label": "str"}
    )
    (path,) = write_submissions(catalogue, predictions, folder / "out", pd.Series("submit", ids))
    written = validate_predictions(path, ids)
    assert written["id"].to_list() == list(ids)
    assert written["label"].to_list() == predictions["label"].to_list()
