"""No row vanishes: quotation marks that swallow rows, Parquet that is no text, labels that look alike are refused."""

import csv
import datetime
import logging
import random
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from latefusion.catalogue import class_order, delimited, read_catalogue, read_test_labels
from latefusion.catalogue.reading import read_rows
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

COLUMNS = {"description": None, "image": None}


def table(root: Path, **more) -> CatalogueConfig:
    return CatalogueConfig(**{"format": "table", "root": root, "columns": COLUMNS} | more)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return path.parent


def refusal(catalogue: CatalogueConfig) -> str:
    with pytest.raises(InputError) as caught:
        read_catalogue(catalogue)
    return str(caught.value)


# ---- quotation marks


def unquoted_rows(rng: random.Random, n: int) -> list[list[str]]:
    """Draw products as a shop exports them without quoting: few titles begin with a quotation mark, inches end some."""
    rows = []
    for number in range(n):
        label = rng.choice(["lamp", "shoe", "screen"])
        title = f"{label} number {number}"
        draw = rng.random()
        title = f'"Retro" {title}' if draw < 0.002 else f'"{title}' if draw < 0.007 else title
        rows.append([f"p{number}", title + '"' * (rng.random() < 0.03), label])
    return rows


def read_or_refuse(path: Path) -> pd.DataFrame | str:
    try:
        return read_rows(path)
    except InputError as error:
        return str(error)


@pytest.mark.parametrize(("name", "separator"), [("products.tsv", "\t"), ("products.csv", ",")])
def test_no_unquoted_table_comes_out_short(tmp_path, name, separator):
    rng, swallowed = random.Random(2020), 0
    for _ in range(300):
        rows = unquoted_rows(rng, 100)
        write(tmp_path / name, separator.join(["id", "title", "label"]), *(separator.join(row) for row in rows))
        found = read_or_refuse(tmp_path / name)
        if isinstance(found, str):
            assert "catalogue.quoted" in found
            swallowed += "quotation marks that swallow rows" in found
        else:
            assert found["id"].to_list() == [row[0] for row in rows]
        assert read_rows(tmp_path / name, quoted=False).to_numpy().tolist() == rows
    assert swallowed > 30


def test_a_quotation_mark_that_swallows_rows_is_named_with_the_ways_out(tmp_path):
    rows = [f"p{number}\tlamp {number}\tlamp" for number in range(60)]
    rows[10], rows[40] = 'p10\t"Retro lamp\tlamp', 'p40\tscreen 24"\tscreen'
    root = write(tmp_path / "p.tsv", "id\ttitle\tlabel", *rows)
    found = refusal(table(root, products="p.tsv"))
    for part in ["p.tsv, line 12", "to line 42", "30 further rows", "Double", "catalogue.quoted", "false", "true"]:
        assert part in found


@pytest.mark.parametrize(
    "lines",
    [
        ['p0,"Retro lamp,lamp', 'p1,screen 24",screen'],  # the closing line alone
        ['p0,"Retro lamp,lamp', 'p1,screen 24","big, bright"'],  # and it is quoted further on
        ['p0,lamp,"Retro', "p1,shoe,nice", 'p2,screen,24"'],  # in the last column
        ['"p0,lamp,nice', "p1,shoe,nice", 'p2",screen,nice'],  # in the first
        ['p0,"Retro lamp,lamp', 'p1,"",shoe', 'p2,screen 24",screen'],  # over an empty quoted cell
    ],
)
def test_a_swallowed_row_is_seen_wherever_the_quotes_are(tmp_path, lines):
    root = write(tmp_path / "products.csv", "id,title,label", "a,b,c", *lines, "x,y,z")
    assert "products.csv, line 3: a quoted cell continues to line" in refusal(table(root))


def test_a_header_whose_quote_goes_on_is_refused(tmp_path):
    root = write(tmp_path / "labels.csv", '"id,title,label', 'p1,lamp 24",x,y', "p2,x,y")
    assert "line 1: a quotation mark in the header" in refusal(table(root, products="labels.csv"))


def test_cells_that_do_span_lines_are_read_and_counted(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    description = 'Solid, red.\r\n\r\nFor 3" pipes, tubes,\nhoses, joints and "more".\n'
    with (tmp_path / "products.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [["id", "title", "description", "label"], ["a", "Chair", description, "x"], ["b", "Lamp", "", "y"]]
        )
    products = read_catalogue(table(tmp_path, columns={"image": None}))
    assert products.loc["a", "description"] == description
    assert "products.csv: 7 lines, 2 rows, 1 over several lines" in caplog.text


def test_prose_that_looks_like_rows_is_read_on_the_users_word(tmp_path):
    root = write(
        tmp_path / "products.csv", "id,title,label,description", 'a,Chair,x,"Nice in', 'red, blue, green, white"'
    )
    columns = {"image": None}
    assert "1 further row," in refusal(table(root, columns=columns))
    products = read_catalogue(table(root, columns=columns, quoted=True))
    assert products.loc["a", "description"] == "Nice in\nred, blue, green, white"


def test_prose_is_no_row_of_a_table_that_needs_its_quotes(tmp_path):
    """Lines of a description with as many commas as the header begin no product: no id looks like theirs."""
    header = ",designation,description,productid,imageid"
    rows = [f'{n},Stylo,"bleu, noir",{n},{n}' for n in range(30)]
    spanning = (
        '30,Stylo,"bleu, rouge, vert,\nnoir, gris, blanc, or, 3 sortes\n12, 10, 9, 8, 7\nou plus, ou moins",200,100'
    )
    write(tmp_path / "Y_train_CVw08PX.csv", ",prdtypecode", *(f"{n},10" for n in range(32)))
    catalogue = CatalogueConfig(format="ens", root=tmp_path)
    write(tmp_path / "X_train_update.csv", header, *rows, spanning, "31,Stylo,,1,1")
    assert len(read_catalogue(catalogue)) == 32
    write(tmp_path / "X_train_update.csv", header, *rows, '30,"Regle,,200,100', '31,Regle 12",,201,101')
    assert "line 32: a quoted cell continues to line 33; it seems to hold 1 further row," in refusal(catalogue)


def test_a_cell_over_the_limit_is_called_so(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "MAX_CELL", 1000)
    root = write(tmp_path / "products.csv", "id,title,label", "a,b,c", f"b,{'x' * 1001},c")
    found = refusal(table(root))
    assert "products.csv, line 3: a cell of more than 1,000 characters" in found
    assert "quotes do not match" not in found


def test_test_labels_may_be_unquoted_too(tmp_path):
    write(tmp_path / "products.csv", "id,title,label", "a,Chair,x", 'b,Lamp,"y', "c,Desk,", "d,Bed,")
    write(tmp_path / "truth.csv", "id,label", 'c,"y', "d,x")
    catalogue = table(tmp_path, quoted=False, test_labels="truth.csv")
    assert read_test_labels(catalogue, read_catalogue(catalogue)).to_dict() == {"c": '"y', "d": "x"}


@pytest.mark.parametrize("layout", ["sigir", "ens"])
def test_quoted_is_for_tables_only(layout):
    with pytest.raises(ValueError, match="quoted: only for format table"):
        CatalogueConfig(format=layout, root="x", quoted=False)


# ---- Parquet

READABLE = {
    "large_string": (pa.array(["1", "é"], pa.large_string()), ["1", "é"]),
    "string_view": (pa.array(["1", "é"], pa.string_view()), ["1", "é"]),
    "int8": (pa.array([1, -2], pa.int8()), ["1", "-2"]),
    "uint64": (pa.array([1, 2**64 - 1], pa.uint64()), ["1", str(2**64 - 1)]),
    "half": (pa.array([1.0, 2.5], pa.float16()), ["1", "2.5"]),
    "double": (pa.array([1.0, 1e22]), ["1", "1" + 22 * "0"]),
    "decimal": (pa.array([Decimal("1.50"), Decimal("2.00")]), ["1.50", "2"]),
    "long decimal": (
        pa.array([Decimal("1" * 37 + ".5"), Decimal("1" * 37 + ".0")], pa.decimal128(38, 1)),
        ["1" * 37 + ".5", "1" * 37],
    ),
    "longer decimal": (pa.array([Decimal("9" * 76), Decimal(1)], pa.decimal256(76, 0)), ["9" * 76, "1"]),
    "bool": (pa.array([True, False]), ["True", "False"]),
    "date": (pa.array([datetime.date(2026, 1, 2)] * 2), ["2026-01-02", "2026-01-02"]),
    "categories": (pa.array(["b", "a"]).dictionary_encode(), ["b", "a"]),
    "categories of numbers": (pa.array([2.0, 1.0]).dictionary_encode(), ["2", "1"]),
}
UNREADABLE = {
    "binary": pa.array([b"a", b"b"]),
    "large_binary": pa.array([b"a", b"b"], pa.large_binary()),
    "binary_view": pa.array([b"a", b"b"], pa.binary_view()),
    "fixed_size_binary": pa.array([b"a", b"b"], pa.binary(1)),
    "dictionary<values=binary": pa.array([b"a", b"b"]).dictionary_encode(),
    "list": pa.array([["a"], ["b"]]),
    "struct": pa.array([{"x": "a"}, {"x": "b"}]),
    "map": pa.array([[("a", "b")], []], pa.map_(pa.string(), pa.string())),
    "timestamp": pa.array([0, 1], pa.timestamp("us")),
    "time32": pa.array([0, 1], pa.time32("s")),
    "duration": pa.array([0, 1], pa.duration("s")),
}


def parquet(root: Path, **columns: pa.Array) -> CatalogueConfig:
    named = {"id": pa.array(["a", "b"]), "title": pa.array(["Chair", "Lamp"]), "label": pa.array(["x", "y"])}
    pq.write_table(pa.table(named | columns), root / "p.parquet")
    return table(root, products="p.parquet")


@pytest.mark.parametrize(("values", "expected"), READABLE.values(), ids=READABLE)
def test_parquet_text_numbers_and_dates_are_read_exactly(tmp_path, values, expected):
    assert read_catalogue(parquet(tmp_path, title=values))["title"].to_list() == expected


@pytest.mark.parametrize("kind", UNREADABLE)
def test_parquet_columns_of_any_other_type_are_refused_by_name(tmp_path, kind):
    found = refusal(parquet(tmp_path, title=UNREADABLE[kind]))
    assert ("'title' holds a list: ['a']" if kind == "list" else f"column 'title' holds {kind}") in found
    assert list(read_catalogue(parquet(tmp_path, other=UNREADABLE[kind])).index) == ["a", "b"]


def test_parquet_that_cannot_be_decoded_is_named(tmp_path):
    not_text = pa.array([b"caf\xe9", b"x"]).view(pa.string())
    no_date = pa.array([2**31 - 1, 0], pa.int32()).view(pa.date32())
    for values in (not_text, no_date):
        assert "p.parquet: not a Parquet file, or a damaged one" in refusal(parquet(tmp_path, title=values))
    catalogue = parquet(tmp_path)
    data = (tmp_path / "p.parquet").read_bytes()
    (tmp_path / "p.parquet").write_bytes(data[:4] + bytes(60) + data[64:])
    assert "p.parquet: not a Parquet file, or a damaged one" in refusal(catalogue)


# ---- labels


@pytest.mark.parametrize(
    "other",
    [
        "De\u0301coration",  # decomposed
        "Déco\u200bration",
        "\ufeffDécoration",
        "décoration",
        "DÉCORATION",
        "\uff24écoration",
        "Déco\u00adration",
    ],
)
def test_labels_that_look_alike_are_refused_with_a_row_of_each(tmp_path, other):
    root = write(
        tmp_path / "products.csv", "id,title,label", "a,x,Décoration", "b,x,toys", f"c,x,{other}", f"d,x,{other}"
    )
    found = refusal(table(root))
    for part in ["products.csv, line 2: id a has 'Décoration' (D\\xe9coration)", "line 4: id c", "look alike"]:
        assert part in found
    assert "id b" not in found
    assert "id d" not in found


@pytest.mark.parametrize("labels", [("1", "1.0"), ("garden  tools", "garden tools"), ("Ⅷ", "viii")])
def test_one_class_in_two_spellings_is_refused(tmp_path, labels):
    root = write(tmp_path / "products.csv", "id,title,label", *(f"p{n},x,{label}" for n, label in enumerate(labels)))
    assert "look alike" in refusal(table(root))


@pytest.mark.parametrize("labels", [("1", "11"), ("1.1", "1.10"), ("v1", "v1.0"), ("C", "C++"), ("cote", "côte")])
def test_labels_that_a_reader_tells_apart_are_classes(tmp_path, labels):
    root = write(tmp_path / "products.csv", "id,title,label", *(f"p{n},x,{label}" for n, label in enumerate(labels)))
    assert read_catalogue(table(root))["label"].to_list() == list(labels)


def test_test_labels_are_stripped_and_compared_as_those_of_the_products(tmp_path):
    write(tmp_path / "products.csv", "id,title,label", "a,x,Livres ", "b,x,Jeux", "c,x,", "d,x, ")
    write(tmp_path / "truth.csv", "id,label", "c, Livres", "d,Jeux ")
    catalogue = table(tmp_path, test_labels="truth.csv")
    products = read_catalogue(catalogue)
    assert read_test_labels(catalogue, products).to_dict() == {"c": "Livres", "d": "Jeux"}
    write(tmp_path / "truth.csv", "id,label", "c,livres", "d,Jeux")
    with pytest.raises(InputError, match=r"truth.csv, line 2: id c has 'livres', products have 'Livres'"):
        read_test_labels(catalogue, products)


def test_labels_of_invisible_characters_alone_are_refused(tmp_path):
    root = write(tmp_path / "products.csv", "id,title,label", "a,x,\u200b", "b,x,y")
    assert "line 2: id a has" in refusal(table(root))


@pytest.mark.parametrize(
    ("row", "expected"),
    [('"p\r0",x,y', r"line 3: id 'p\r0'"), ('p0,x,"y\rz"', r"line 3: label 'y\rz'")],
)
def test_a_carriage_return_in_an_id_or_label_is_refused_when_the_catalogue_is_read(tmp_path, row, expected):
    root = write(tmp_path / "products.csv", "id,title,label", "a,x,y", row)
    found = refusal(table(root))
    assert expected in found
    assert "Carriage returns" in found


def test_codes_of_any_length_are_in_numeric_order():
    longest = "9" * 6000
    assert class_order([longest, "10", "-" + longest, "9"]) == ["-" + longest, "9", "10", longest]


def test_rows_without_a_label_are_to_be_predicted(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    root = write(tmp_path / "products.csv", "id,title,label", "a,x,y", "b,x, ", "c,x,z", "d,x,")
    products = read_catalogue(table(root))
    assert products["split"].isna().to_list() == [True, False, True, False]
    assert set(products["split"].dropna()) == {"submit"}
    assert products["label"].isna().to_list() == [False, True, False, True]
    assert "2 of 4 products have no label" in caplog.text


@pytest.mark.parametrize("split", [None, "part"])
def test_a_table_without_a_single_label_is_refused(tmp_path, split):
    root = write(tmp_path / "products.csv", "id,title,label,part", "a,x,,test", "b,x, ,test")
    found = refusal(table(root, columns=COLUMNS | {"split": split}))
    assert "products.csv: no row has a label in the column 'label'" in found
    assert "catalogue.columns.label" in found


# ---- names of tables


@pytest.mark.parametrize("key", ["products", "test_products", "test_labels"])
@pytest.mark.parametrize("name", ["/data/p.csv", "C:\\data\\p.csv", "~/p.csv", "", "p\0.csv", "x" * 252 + ".csv"])
def test_table_names_that_cannot_lie_below_the_root_are_refused(key, name):
    with pytest.raises(ValueError, match=key):
        table(Path("shop"), **{key: name})


def test_a_table_may_lie_beside_the_root(tmp_path):
    write(tmp_path / "products.csv", "id,title,label", "a,x,y")
    (tmp_path / "shop").mkdir()
    assert len(read_catalogue(table(tmp_path / "shop", products="../products.csv"))) == 1


def test_pandas_writes_what_is_read_back(tmp_path):
    rows = {"id": ["a", "b"], "title": ['x\t"y"\nz', "NA"], "label": ["1", "2"]}
    pd.DataFrame(rows).to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    assert read_catalogue(table(tmp_path, products="p.tsv"))["title"].to_list() == rows["title"]
