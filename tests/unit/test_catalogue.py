"""Every layout becomes one canonical table, and a broken file is refused by its name, line and id."""

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latefusion.catalogue import class_order, read_catalogue, read_test_labels
from latefusion.config import CatalogueConfig, Columns
from latefusion.images.inspection import check_images, handle_bad_images
from latefusion.utils.errors import InputError

SIGIR = {
    "X_train.tsv": [
        "Integer_id\tTitle\tDescription\tImage_id\tProduct_id",
        '0\tTable 5" "ronde"\t<p>Bois</p>\t100\t200',
        "1\tNA\tNaN\t101\t201",
        "2\tnull\t\t102\t202",
    ],
    "Y_train.tsv": [
        "Integer_id\tImage_id\tProduct_id\tPrdtypecode",
        "2\t102\t202\t10",
        "0\t100\t200\t2583",
        "1\t101\t201\t10",
    ],
    "x_test_task1_phase1.tsv": [
        "Integer_id\tTitle\tDescription\tImage_id\tProduct_id",
        "8\tLivre\t\t108\t208",
        "7\tJeu\tde cartes\t107\t207",
    ],
    "x_test_task1_phase2.tsv": [
        "Integer_id\tTitle\tDescription\tImage_id\tProduct_id",
        "9\tPiscine\t\t109\t209",
        "7\tJeu\tde cartes\t107\t207",
    ],
}
ENS = {
    "X_train_update.csv": [
        ",designation,description,productid,imageid",
        '0,"Table 5"" ronde, bois","une ligne',
        'et une autre",200,100',
        "1,NA,NaN,201,101",
    ],
    "Y_train_CVw08PX.csv": [",prdtypecode", "1,10", "0,2583"],
    "X_test_update.csv": [",designation,description,productid,imageid", "2,null,,202,102"],
}
TABLE = {
    "products.csv": [
        "id,title,description,image_path,label,part",
        "a,Red chair,Solid,images/a.jpg,chairs,train",
        "b,Blue lamp,,./images\\b.jpg,lamps,valid",
        "c,NA,NaN,,chairs,test",
        "d,null,Bright,images/../d.jpg, ,test",
    ],
    "test.csv": ["title,id,description,image_path", "Desk,e,,"],
}


def write(root: Path, files: dict[str, list[str]], **changed: list[str] | None) -> Path:
    """Write the files, those in `changed` (`X_train__tsv=`) with other lines, or not at all where None."""
    root.mkdir(exist_ok=True)
    changed = {name.replace("__", "."): lines for name, lines in changed.items()}
    for name, lines in {**files, **changed}.items():
        if lines is not None:
            (root / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return root


def edit(files: dict[str, list[str]], name: str, line: int, text: str) -> list[str]:
    """Return a file's lines with one replaced or appended (the header is line 1)."""
    return [*files[name][: line - 1], text, *files[name][line:]]


def sigir(root: Path, **more) -> CatalogueConfig:
    return CatalogueConfig(format="sigir", root=root, **more)


def ens(root: Path, **more) -> CatalogueConfig:
    return CatalogueConfig(format="ens", root=root, **more)


def table(root: Path, split: str | None = "part", columns: dict | None = None, **more) -> CatalogueConfig:
    return CatalogueConfig(format="table", root=root, columns=Columns(split=split, **(columns or {})), **more)


def cells(series: pd.Series) -> list[str | None]:
    return [None if pd.isna(cell) else cell for cell in series]


def message(catalogue: CatalogueConfig) -> str:
    with pytest.raises(InputError) as caught:
        read_catalogue(catalogue)
    return str(caught.value)


# ---- the canonical table


def test_sigir_becomes_the_canonical_table(tmp_path):
    products = read_catalogue(sigir(write(tmp_path, SIGIR)))
    assert list(products.index) == ["0", "1", "2", "8", "7", "9"]
    assert products.index.name == "id"
    assert list(products.columns) == ["title", "description", "image", "label", "split", "location"]
    assert set(products.dtypes.astype(str)) == {"str"}
    assert cells(products["title"])[:3] == ['Table 5" "ronde"', "NA", "null"]
    assert cells(products["description"]) == ["<p>Bois</p>", None, None, None, "de cartes", None]
    assert cells(products["label"]) == ["2583", "10", "10", None, None, None]
    assert cells(products["split"]) == [None, None, None, "submit", "submit", "submit"]
    assert products.loc["0", "image"] == "image_training/image_100_product_200.jpg"
    assert products.loc["9", "image"] == "image_test/image_109_product_209.jpg"


@pytest.mark.parametrize("present", [(), (1,), (2,)])
def test_each_sigir_test_file_is_optional(tmp_path, present):
    absent = {f"x_test_task1_phase{phase}__tsv": None for phase in (1, 2) if phase not in present}
    products = read_catalogue(sigir(write(tmp_path, SIGIR, **absent)))
    assert (products["split"] == "submit").sum() == 2 * len(present)


def test_ens_becomes_the_canonical_table(tmp_path):
    products = read_catalogue(ens(write(tmp_path, ENS)))
    assert list(products.index) == ["0", "1", "2"]
    assert cells(products["title"]) == ['Table 5" ronde, bois', "NA", "null"]
    assert cells(products["description"]) == ["une ligne\net une autre", None, None]
    assert cells(products["label"]) == ["2583", "10", None]
    assert cells(products["split"]) == [None, None, "submit"]
    assert products.loc["0", "image"] == "images/image_train/image_100_product_200.jpg"
    assert products.loc["2", "image"] == "images/image_test/image_102_product_202.jpg"


def test_ens_test_file_is_optional(tmp_path):
    assert len(read_catalogue(ens(write(tmp_path, ENS, X_test_update__csv=None)))) == 2


def test_table_becomes_the_canonical_table(tmp_path):
    products = read_catalogue(table(write(tmp_path, TABLE), test_products="test.csv"))
    assert list(products.index) == ["a", "b", "c", "d", "e"]
    assert cells(products["title"]) == ["Red chair", "Blue lamp", "NA", "null", "Desk"]
    assert cells(products["description"]) == ["Solid", None, None, "Bright", None]
    assert cells(products["image"]) == ["images/a.jpg", "images/b.jpg", None, "d.jpg", None]
    assert cells(products["label"]) == ["chairs", "lamps", "chairs", None, None]
    assert cells(products["split"]) == ["train", "valid", "test", "submit", "submit"]
    assert set(products.dtypes.astype(str)) == {"str"}


def test_table_without_optional_columns_has_them_missing(tmp_path):
    root = write(tmp_path, {"products.csv": ["id,title,label", "a,Chair,x", "b,Lamp,y"]})
    products = read_catalogue(table(root, split=None, columns={"description": None, "image": None}))
    assert products[["description", "image", "split"]].isna().all(axis=None)
    assert cells(products["label"]) == ["x", "y"]


def test_tsv_with_quotes_is_read_like_csv(tmp_path):
    root = write(tmp_path, {"p.tsv": ["id\ttitle\tlabel", 'a\t"A ""good""\tchair"\tx']})
    catalogue = table(root, split=None, columns={"description": None, "image": None}, products="p.tsv")
    assert cells(read_catalogue(catalogue)["title"]) == ['A "good"\tchair']


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([1, 2], ["1", "2"]), ([1.0, 2.0], ["1", "2"]), (["1.0", "b"], ["1.0", "b"]), ([1.5, 2.0], ["1.5", "2"])],
)
def test_parquet_numbers_become_plain_text(tmp_path, labels, expected):
    rows = pd.DataFrame({"id": [10, 11], "title": ["NA", "Lamp"], "description": [None, "NaN"], "label": labels})
    rows.assign(image_path=None).to_parquet(tmp_path / "p.parquet")
    products = read_catalogue(table(tmp_path, split=None, products="p.parquet"))
    assert list(products.index) == ["10", "11"]
    assert cells(products["label"]) == expected
    assert cells(products["title"]) == ["NA", "Lamp"]
    assert cells(products["description"]) == [None, None]


def test_parquet_categories_are_text_and_gaps_do_not_turn_ints_into_decimals(tmp_path):
    rows = pd.DataFrame({"id": ["a", "b"], "title": ["x", "y"], "label": [7, None], "part": ["train", "test"]})
    rows.astype({"part": "category"}).to_parquet(tmp_path / "p.parquet")
    columns = {"description": None, "image": None}
    products = read_catalogue(table(tmp_path, columns=columns, products="p.parquet"))
    assert cells(products["label"]) == ["7", None]
    assert cells(products["split"]) == ["train", "submit"]


@pytest.mark.parametrize(("files", "config"), [(SIGIR, sigir), (ENS, ens), (TABLE, table)])
def test_bom_crlf_and_blank_lines_change_nothing(tmp_path, files, config):
    expected = read_catalogue(config(write(tmp_path / "plain", files)))
    odd = tmp_path / "odd"
    odd.mkdir()
    for name, lines in files.items():
        (odd / name).write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, "", ""]).encode())
    found = read_catalogue(config(odd))
    assert found.index.equals(expected.index)
    assert cells(found["title"]) == cells(expected["title"])
    assert cells(found["label"]) == cells(expected["label"])


def test_a_carriage_return_inside_a_sigir_cell_is_text(tmp_path):
    lines = edit(SIGIR, "X_train.tsv", 3, "1\tNA\tun\rdeux\t101\t201")
    assert read_catalogue(sigir(write(tmp_path, SIGIR, X_train__tsv=lines))).loc["1", "description"] == "un\rdeux"


# ---- what is refused: (layout, file, line, its new text, what the message must hold)

BROKEN = [
    (sigir, "X_train.tsv", 3, "\tNA\t\t101\t201", ["X_train.tsv, line 3", "without an id"]),
    (sigir, "X_train.tsv", 3, "0\tNA\t\t101\t201", ["X_train.tsv, line 2: id 0", "X_train.tsv, line 3: id 0"]),
    (sigir, "X_train.tsv", 3, "1\t \t\t101\t201", ["without a title", "X_train.tsv, line 3: id 1"]),
    (sigir, "X_train.tsv", 3, "1\tNA\t101\t201", ["X_train.tsv, line 3: 4 cells", "5 cells"]),
    (sigir, "X_train.tsv", 3, "1\tNA\t\t../x\t201", ["X_train.tsv, line 3: image_id '../x' of id 1"]),
    (sigir, "X_train.tsv", 3, "un\tNA\t\t101\t201", ["X_train.tsv, line 3: id 'un'", "whole numbers"]),
    (sigir, "X_train.tsv", 1, "Integer_id\tTtile\tDescription\tImage_id\tProduct_id", ["'Title'", "mean 'Ttile'"]),
    (sigir, "X_train.tsv", 5, "3\tLivre\t\t103\t203", ["without a label", "X_train.tsv, line 5: id 3", "Y_train.tsv"]),
    (sigir, "Y_train.tsv", 5, "3\t103\t203\t10", ["do not exist", "Y_train.tsv, line 5: id 3"]),
    (sigir, "Y_train.tsv", 5, "0\t100\t200\t10", ["Y_train.tsv, line 3: id 0", "Y_train.tsv, line 5: id 0"]),
    (sigir, "Y_train.tsv", 4, "1\t999\t201\t10", ["Y_train.tsv, line 4: id 1 has image_id 999", "has 101"]),
    (sigir, "Y_train.tsv", 4, "1\t101\t999\t10", ["Y_train.tsv, line 4: id 1 has product_id 999", "has 201"]),
    (sigir, "Y_train.tsv", 4, "1\t101\t201\t", ["Y_train.tsv, line 4: label '' of id 1"]),
    (
        sigir,
        "x_test_task1_phase2.tsv",
        3,
        "7\tJeu\tautre\t107\t207",
        ["phase1.tsv, line 3: id 7", "phase2.tsv, line 3"],
    ),
    (
        sigir,
        "x_test_task1_phase1.tsv",
        2,
        "0\tLivre\t\t108\t208",
        ["X_train.tsv, line 2: id 0", "phase1.tsv, line 2: id 0"],
    ),
    (ens, "X_train_update.csv", 1, "id,designation,description,productid,imageid", ["no column ''", "'designation'"]),
    (ens, "X_train_update.csv", 4, "1,,NaN,201,101", ["without a title", "X_train_update.csv, line 4: id 1"]),
    (ens, "X_train_update.csv", 4, "1,NA,201,101", ["X_train_update.csv, line 4: 4 cells"]),
    (ens, "X_train_update.csv", 4, '1,"NA,NaN,201,101', ["X_train_update.csv, line 4", "quotes do not match"]),
    (ens, "X_train_update.csv", 4, '1,"N"A,NaN,201,101', ["X_train_update.csv, line 4", "quotes do not match"]),
    (ens, "Y_train_CVw08PX.csv", 4, "5,10", ["Y_train_CVw08PX.csv, line 4: id 5", "do not exist"]),
    (ens, "Y_train_CVw08PX.csv", 2, "1,dix", ["Y_train_CVw08PX.csv, line 2: label 'dix' of id 1"]),
    (
        ens,
        "X_test_update.csv",
        2,
        "1,null,,202,102",
        ["X_train_update.csv, line 4: id 1", "X_test_update.csv, line 2: id 1"],
    ),
    (table, "products.csv", 1, "id,titel,description,Image_Pth,label,part", ["'title'", "mean 'Image_Pth'", "'titel'"]),
    (
        table,
        "products.csv",
        1,
        "id,title,title,image_path,label,part",
        ["no column 'description'", "duplicate column 'title'"],
    ),
    (table, "products.csv", 1, "id;title;description;image_path", ["only one", "commas"]),
    (table, "products.csv", 3, "b,Lamp,,,lamps,dev", ["products.csv, line 3: id b has 'dev'", "train, valid, test"]),
    (table, "products.csv", 3, "b,Lamp,,,lamps,", ["products.csv, line 3: id b has ''"]),
    (table, "products.csv", 3, "b,Lamp,,, ,valid", ["products.csv, line 3: id b", "without a label"]),
    (table, "products.csv", 3, "a,Lamp,,,lamps,valid", ["line 2: id a", "line 3: id a", "Duplicate ids"]),
    (table, "products.csv", 3, "b,Lamp,,/srv/b.jpg,lamps,valid", ["line 3: id b has '/srv/b.jpg'", "catalogue.root"]),
    (table, "products.csv", 3, "b,Lamp,,C:\\b.jpg,lamps,valid", ["line 3: id b has 'C:\\b.jpg'"]),
    (table, "products.csv", 3, "b,Lamp,,x/../../b.jpg,lamps,valid", ["line 3: id b has 'x/../../b.jpg'"]),
    (table, "products.csv", 3, "b,Lamp,,ftp://shop/b.jpg,lamps,valid", ["line 3: id b has 'ftp://shop/b.jpg'"]),
]


@pytest.mark.parametrize(("config", "name", "line", "text", "expected"), BROKEN)
def test_a_broken_line_is_named(tmp_path, config, name, line, text, expected):
    files = {sigir: SIGIR, ens: ENS, table: TABLE}[config]
    write(tmp_path, {**files, name: edit(files, name, line, text)})
    found = message(config(tmp_path))
    for part in expected:
        assert part in found


def test_all_problems_of_a_kind_are_listed_at_once(tmp_path):
    lines = ["id,title,label", *(f"{n},,x" for n in range(30))]
    root = write(tmp_path, {"products.csv": lines})
    found = message(table(root, split=None, columns={"description": None, "image": None}))
    assert "products.csv, line 2: id 0" in found
    assert "... and 10 more" in found


def test_a_product_cannot_be_both_learnt_from_and_predicted(tmp_path):
    root = write(tmp_path, TABLE, test__csv=["id,title,description,image_path", "a,Desk,,"])
    found = message(table(root, test_products="test.csv"))
    assert "products.csv, line 2: id a" in found
    assert "test.csv, line 2: id a" in found


@pytest.mark.parametrize(
    ("config", "files", "name"),
    [(sigir, SIGIR, "X_train.tsv"), (sigir, SIGIR, "Y_train.tsv"), (ens, ENS, "X_train_update.csv")],
)
def test_a_missing_file_is_named_with_what_the_folder_holds(tmp_path, config, files, name):
    write(tmp_path, {other: lines for other, lines in files.items() if other != name})
    found = message(config(tmp_path))
    assert f"{tmp_path / name} not found" in found
    assert all(other in found for other in files if other != name)


def test_a_missing_root_is_named(tmp_path):
    assert "does not exist" in message(sigir(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n\n", "is empty"),
        (b"Integer_id\tTitle\tDescription\tImage_id\tProduct_id\n", "header but no rows"),
        ("Integer_id\tTitle\n0\tété\n".encode("latin-1"), "line 2: not UTF-8"),
        ("Integer_id\tTitle\n".encode("utf-16"), "line 1: not UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["X_train.tsv", "x_test_task1_phase2.tsv"])
def test_an_unreadable_file_is_named(tmp_path, name, content, expected):
    (write(tmp_path, SIGIR) / name).write_bytes(content)
    found = message(sigir(tmp_path))
    assert name in found
    assert expected in found


def test_parquet_problems_name_the_row(tmp_path):
    rows = pd.DataFrame({"id": ["a", "a"], "title": ["x", "y"], "description": "", "image_path": "", "label": "z"})
    rows.to_parquet(tmp_path / "p.parquet")
    assert "p.parquet, row 2: id a" in message(table(tmp_path, split=None, products="p.parquet"))
    rows.assign(id=["a", "b"], label=[["z"], ["y"]]).to_parquet(tmp_path / "p.parquet")
    assert "p.parquet, row 1: 'label' holds a list: ['z']" in message(table(tmp_path, split=None, products="p.parquet"))
    rows.drop(columns="title").to_parquet(tmp_path / "p.parquet")
    assert "no column 'title'" in message(table(tmp_path, split=None, products="p.parquet"))
    (tmp_path / "p.parquet").write_bytes(b"id,title\n")
    assert "not a Parquet file" in message(table(tmp_path, split=None, products="p.parquet"))


def test_a_table_of_another_kind_is_refused(tmp_path):
    root = write(tmp_path, {"products.ods": ["id"]})
    assert ".csv, .tsv, .parquet, .xlsx" in message(table(root, products="products.ods"))


# ---- labels


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "10", "2583"], ["9", "10", "2583"]),
        (["10", "9", "lamps"], ["10", "9", "lamps"]),
        (["1.5", "10", "9"], ["1.5", "10", "9"]),
        (pd.Series(["2", None, "1"], dtype="str"), ["1", "2"]),
        ([], []),
    ],
)
def test_classes_have_one_order(labels, expected):
    assert class_order(labels) == expected


def test_test_labels_are_optional_and_may_cover_a_part(tmp_path):
    root = write(tmp_path, SIGIR, truth__csv=["Integer_id,anything,code", "9,x,10", "7,x,2583"])
    products = read_catalogue(sigir(root))
    assert read_test_labels(sigir(root), products).empty
    labels = read_test_labels(sigir(root, test_labels="truth.csv"), products)
    assert labels.to_dict() == {"9": "10", "7": "2583"}
    assert labels.index.name == "id"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["id,code", "9,10", "5,10"], ["truth.csv, line 3: id 5", "not to be predicted"]),
        (["id,code", "0,2583"], ["truth.csv, line 2: id 0", "not to be predicted"]),
        (["id,code", "9,10", "9,10"], ["truth.csv, line 2: id 9", "truth.csv, line 3: id 9"]),
        (["id,code", "9,11"], ["truth.csv, line 2: id 9 has '11'", "no training product has"]),
        (["id,code", "9,"], ["truth.csv, line 2: id 9", "without a label"]),
        (["id", "9"], ["truth.csv", "two columns"]),
        (None, ["truth.csv not found"]),
    ],
)
def test_broken_test_labels_are_named(tmp_path, lines, expected):
    catalogue = sigir(write(tmp_path, SIGIR, truth__csv=lines), test_labels="truth.csv")
    with pytest.raises(InputError) as caught:
        read_test_labels(catalogue, read_catalogue(catalogue))
    for part in expected:
        assert part in str(caught.value)


# ---- images

GOOD = ["good.jpg", "good.png", "good.webp", "good.gif", "padded.jpg"]
BAD = {
    "absent.jpg": "missing",
    "zero.jpg": "empty file",
    "config.jpg": "not an image",
    "cut.jpg": "truncated",
    "cut.png": "truncated",
    "huge.png": "too large: 20000 x 10000",
    "folder.jpg": "not a regular file",
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Path:
    """A folder of images, good and bad, named for what they are."""
    tmp_path = tmp_path_factory.mktemp("gallery")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8))
    for name in GOOD:
        noise.save(tmp_path / name)
    with (tmp_path / "padded.jpg").open("ab") as file:
        file.write(bytes(500))
    for whole, cut in [("good.jpg", "cut.jpg"), ("good.png", "cut.png")]:
        content = (tmp_path / whole).read_bytes()
        (tmp_path / cut).write_bytes(content[: len(content) * 2 // 3])
    Image.new("1", (20000, 10000)).save(tmp_path / "huge.png")
    (tmp_path / "zero.jpg").touch()
    (tmp_path / "config.jpg").write_text("<html>404</html>")
    (tmp_path / "folder.jpg").mkdir()
    return tmp_path


def some_products(images: list[str | None], split: str | None = None) -> pd.DataFrame:
    ids = pd.Index([f"p{n}" for n in range(len(images))], name="id", dtype="str")
    columns = {"title": "x", "image": images, "split": split, "location": "products.csv, line 2"}
    return pd.DataFrame(columns, index=ids, dtype="str")


def test_bad_images_are_found_with_their_reason(gallery):
    limit = Image.MAX_IMAGE_PIXELS
    images = some_products([*GOOD, None, *BAD, "cut.jpg"])["image"]
    bad = check_images(gallery, images)
    assert bad["image"].to_list() == [*BAD, "cut.jpg"]
    assert bad["reason"].to_list() == [*BAD.values(), "truncated"]
    assert bad.index.to_list() == images.index[len(GOOD) + 1 :].to_list()
    assert bad.index.name == "id"
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_image_is_unreadable(tmp_path):
    (tmp_path / "mine.jpg").write_bytes(b"x")
    (tmp_path / "mine.jpg").chmod(0)
    bad = check_images(tmp_path, some_products(["mine.jpg"])["image"])
    assert bad["reason"].to_list() == ["unreadable: Permission denied"]


@pytest.mark.parametrize("images", [[], [None], ["good.jpg"]])
def test_nothing_bad_is_an_empty_table(gallery, images):
    products = some_products(images)
    bad = check_images(gallery, products["image"])
    assert bad.empty
    assert list(bad.columns) == ["image", "reason"]
    pd.testing.assert_frame_equal(handle_bad_images(products, bad, "error"), products)


def test_policy_error_lists_every_bad_image(gallery):
    products = some_products(["good.jpg", "absent.jpg", "cut.jpg"])
    with pytest.raises(InputError) as caught:
        handle_bad_images(products, check_images(gallery, products["image"]), "error")
    for part in ["id p1: absent.jpg: missing", "id p2: cut.jpg: truncated", "catalogue.bad_images", "keep", "drop"]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("policy", "split", "left"),
    [
        ("keep", None, ["p0", "p1"]),
        ("drop", None, ["p0"]),
        ("drop", "test", ["p0"]),
        ("drop", "submit", ["p0", "p1"]),
    ],
)
def test_policies_blank_or_drop_but_never_drop_what_must_be_predicted(gallery, caplog, policy, split, left):
    caplog.set_level(logging.INFO)
    products = some_products(["good.jpg", "absent.jpg"], split)
    found = handle_bad_images(products, check_images(gallery, products["image"]), policy)
    assert found.index.to_list() == left
    assert cells(found["image"]) == ["good.jpg", None][: len(left)]
    assert products["image"].notna().all()
    assert "1 missing" in caplog.text
