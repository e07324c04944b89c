"""Separators and encodings of text tables are found, or told by the config; what cannot be decoded is refused."""

import logging
from pathlib import Path

import pytest

from latefusion.catalogue import read_catalogue
from latefusion.catalogue.reading import read_rows
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

COLUMNS = {"description": None, "image": None}
ROWS = [["id", "title", "label"], ["a", "Chair, red", "x"], ["b", 'Lamp 5"', "y"], ["c", "Mug; large", "x"]]
BOOK = {
    "cp1252": "décoré",
    "cp1250": "żółte krzesło",
    "cp1251": "красный стул",
    "cp1253": "κόκκινη καρέκλα",
    "cp1254": "büyük şişe",
    "gb18030": "红色椅子",
    "cp932": "赤い椅子",
}


def table(root: Path, **more) -> CatalogueConfig:
    return CatalogueConfig(**{"format": "table", "root": root, "columns": COLUMNS} | more)


def quoted_lines(delimiter: str) -> str:
    return "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in ROWS)


def refusal(catalogue: CatalogueConfig) -> str:
    with pytest.raises(InputError) as caught:
        read_catalogue(catalogue)
    return str(caught.value)


# ---- separators


@pytest.mark.parametrize("name", ["products.csv", "products.tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_of_a_quoted_table_is_found_and_named(tmp_path, caplog, name, delimiter):
    caplog.set_level(logging.INFO)
    (tmp_path / name).write_text(quoted_lines(delimiter))
    found = read_rows(tmp_path / name)
    assert [list(found), *found.to_numpy().tolist()] == ROWS
    shown = "tab" if delimiter == "\t" else f"'{delimiter}'"
    assert f"{name}: separator {shown}, encoding UTF-8" in caplog.text


@pytest.mark.parametrize("quoted", [None, False])
def test_semicolons_are_found_though_cells_hold_commas_and_quotation_marks(tmp_path, quoted):
    lines = ["id;title;price;label", 'a;Lamp 5", red, old;1,50;x', "b;Chair;2,00;y", "c;Mug, blue, new;3,25;x"]
    (tmp_path / "products.csv").write_text("\n".join(lines))
    assert read_rows(tmp_path / "products.csv", quoted=quoted)["title"].to_list() == [
        'Lamp 5", red, old',
        "Chair",
        "Mug, blue, new",
    ]


def test_a_table_that_its_suffix_describes_is_never_read_otherwise(tmp_path):
    (tmp_path / "p.csv").write_text("id,a;b;c\n1,x;y;z\n2,u;v;w\n")
    assert list(read_rows(tmp_path / "p.csv")) == ["id", "a;b;c"]


def test_a_quoted_cell_of_many_lines_does_not_hide_the_separator(tmp_path):
    (tmp_path / "p.csv").write_text('id;text;label\na;"one, two\nthree; four, five\n";x\nb;c;y\n')
    assert read_rows(tmp_path / "p.csv")["text"].to_list() == ["one, two\nthree; four, five\n", "c"]


def test_the_line_with_which_excel_names_the_separator_is_not_a_header(tmp_path):
    (tmp_path / "p.csv").write_text("sep=|\nid|title\na|b,c\n")
    rows = read_rows(tmp_path / "p.csv")
    assert rows["title"].to_list() == ["b,c"]
    assert rows.index.to_list() == ["p.csv, line 3"]


@pytest.mark.parametrize("word", ["semicolon", ";"])
def test_the_config_may_name_the_separator(tmp_path, word):
    (tmp_path / "products.csv").write_text("id;title;label\na,1;b,1;x\nb,2;c,2;y\n")
    assert read_catalogue(table(tmp_path, delimiter=word)).index.to_list() == ["a,1", "b,2"]
    assert "no column 'id'" in refusal(table(tmp_path, delimiter="tab"))


def test_an_unclear_separator_is_refused_with_the_key_that_names_it(tmp_path):
    (tmp_path / "products.csv").write_text("id title label\na b c\n")
    found = refusal(table(tmp_path))
    assert "There is only one" in found
    assert "catalogue.delimiter" in found


def test_an_unknown_separator_is_refused():
    with pytest.raises(ValueError, match="delimiter"):
        table(Path("shop"), delimiter="space")


@pytest.mark.parametrize(("key", "value"), [("delimiter", "tab"), ("encoding", "cp1252")])
@pytest.mark.parametrize("layout", ["sigir", "ens"])
def test_the_files_of_the_challenge_have_one_format(layout, key, value):
    with pytest.raises(ValueError, match=f"{key}: only for format table"):
        CatalogueConfig(format=layout, root="x", **{key: value})


# ---- encodings


def encoded(path: Path, text: str, encoding: str, rows: int = 30) -> Path:
    lines = ["id;title;label", *(f"p{number};{text} {number};{'xy'[number % 2]}" for number in range(rows))]
    path.write_bytes("\n".join(lines).encode(encoding))
    return path.parent


@pytest.mark.parametrize(("encoding", "text"), BOOK.items(), ids=BOOK)
def test_the_encoding_is_found_and_named_with_an_example(tmp_path, caplog, encoding, text):
    caplog.set_level(logging.INFO)
    root = encoded(tmp_path / "products.csv", text, encoding)
    assert read_catalogue(table(root)).loc["p7", "title"] == f"{text} 7"
    assert f"products.csv: separator ';', encoding {encoding}" in caplog.text
    assert f"line 2: 'p0;{text} 0" in caplog.text
    assert "catalogue.encoding" in caplog.text


@pytest.mark.parametrize("text", ["Café", "Stühle für Küche", "5 € and 20 £, 1 ½", "niño", "smørrebrød", "pão"])
def test_western_text_is_cp1252_even_if_there_is_little_of_it(tmp_path, text):
    root = encoded(tmp_path / "products.csv", text, "cp1252", rows=2)
    assert read_catalogue(table(root)).loc["p0", "title"] == f"{text} 0"


@pytest.mark.parametrize("text", ["červená židle", "rdeča žlica", "święto", "mąka żytnia"])
def test_central_european_text_is_cp1250(tmp_path, text):
    root = encoded(tmp_path / "products.csv", text, "cp1250")
    assert read_catalogue(table(root)).loc["p0", "title"] == f"{text} 0"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_with_or_without_a_mark_is_read(tmp_path, encoding):
    root = encoded(tmp_path / "products.csv", "été 红", encoding)
    products = read_catalogue(table(root))
    assert products.loc["p3", "title"] == "été 红 3"


def test_the_config_may_name_the_encoding(tmp_path):
    root = encoded(tmp_path / "products.csv", "été", "mac_roman")
    assert read_catalogue(table(root, encoding="mac_roman")).loc["p0", "title"] == "été 0"
    root = encoded(tmp_path / "products.csv", "été", "utf-8-sig")
    assert read_catalogue(table(root, encoding="utf-8")).loc["p0", "title"] == "été 0"


@pytest.mark.parametrize("name", ["klingon", "base64", "undefined", ""])
def test_an_unknown_encoding_is_refused(name):
    with pytest.raises(ValueError, match="encoding"):
        table(Path("shop"), encoding=name)


def test_one_wrong_byte_in_utf_8_is_refused_with_its_line(tmp_path):
    root = encoded(tmp_path / "products.csv", "été", "utf-8")
    data = (root / "products.csv").read_bytes()
    (root / "products.csv").write_bytes(data.replace("été 4".encode(), b"\xe9t\xe9 4"))
    found = refusal(table(root))
    for part in ["products.csv, line 6: not UTF-8", "save the file as UTF-8", "catalogue.encoding"]:
        assert part in found


def test_a_byte_that_no_encoding_explains_is_refused(tmp_path):
    (tmp_path / "products.csv").write_bytes(b"id,title,label\na,\xffold lamp,x\nb,lamp,y\n")
    assert "products.csv, line 2: not UTF-8" in refusal(table(tmp_path))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_bytes_that_the_named_encoding_does_not_have_are_refused(tmp_path, encoding):
    (tmp_path / "products.csv").write_bytes(b"id,title,label\na,b,c\nd,\x81\x8d\x90,f\n\n")
    found = refusal(table(tmp_path, encoding=encoding))
    assert f"not {encoding}" in found
    assert "line 3" in found
    assert "catalogue.encoding" in found
