"""Products with several images: how tables name them, which of them are used, and the mean over them."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.web import encoded
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as pq

from latefusion.catalogue import NewProducts, read_catalogue
from latefusion.catalogue.list_cells import image_lines, split_cell
from latefusion.config import CatalogueConfig, load_new_table
from latefusion.images import faults
from latefusion.images.cache import open_images
from latefusion.images.inspection import inspect_first_images, inspect_images
from latefusion.images.several import MORE, all_paths, count_images, list_images, use_images
from latefusion.utils.arrays import group_means
from latefusion.utils.errors import InputError

ROWS = {"a": ["front.jpg", "side/back.jpg"], "b": [], "c": ["only.jpg"], "d": ["x.jpg", "http://shop/y.jpg?a=1"]}


def rows(join) -> pd.DataFrame:
    images = [join(images) for images in ROWS.values()]
    return pd.DataFrame({"id": list(ROWS), "title": "lamp", "label": "l", "image": images})


def read(tmp_path, name: str, **keys) -> list[list[str]]:
    columns = {"description": None, "image": "image"} | keys.pop("columns", {})
    catalogue = CatalogueConfig(format="table", root=tmp_path, products=name, columns=columns, **keys)
    images = read_catalogue(catalogue)["image"]
    separator = keys.get("image_separator")
    new = NewProducts(load_new_table(tmp_path / name, catalogue.columns, (), image_separator=separator))
    assert pd.concat(new.check())["image"].equals(images)
    return [[] if pd.isna(cell) else cell.split("\n") for cell in images]


def test_every_way_in_which_tables_name_several_images_is_read(tmp_path):
    expected = list(ROWS.values())
    rows(" | ".join).to_csv(tmp_path / "bars.csv", index=False)
    assert read(tmp_path, "bars.csv", image_separator="|") == expected
    rows("\n".join).to_csv(tmp_path / "lines.csv", index=False)
    assert read(tmp_path, "lines.csv") == expected
    rows(json.dumps).to_csv(tmp_path / "json.csv", index=False)
    assert read(tmp_path, "json.csv") == expected
    rows(list).to_json(tmp_path / "lists.jsonl", orient="records", lines=True)
    assert read(tmp_path, "lists.jsonl") == expected
    pq.write_table(pa.Table.from_pandas(rows(list)), tmp_path / "lists.parquet")
    assert read(tmp_path, "lists.parquet") == expected
    front, back = ([images[n] if n < len(images) else "" for images in expected] for n in (0, 1))
    rows(len).assign(image=front, back=back).to_csv(tmp_path / "columns.csv", index=False)
    assert read(tmp_path, "columns.csv", columns={"image": ["image", "back"]}) == expected
    rows("|".join).to_csv(tmp_path / "web.csv", index=False)
    with pytest.raises(InputError, match=r"(?s)web\.csv, line 5: id d has .*catalogue\.image_separator"):
        read(tmp_path, "web.csv")
    rows("+".join)[:3].to_csv(tmp_path / "one.csv", index=False)
    assert read(tmp_path, "one.csv")[0] == ["front.jpg+side/back.jpg"]  # nothing is split that nobody named


def test_tables_of_pandas_may_hold_lists_arrays_and_texts():
    cells = pd.Series([["a", "b"], np.array(["c"]), ("d", None), "e;f", None, float("nan"), pd.NA, []], dtype=object)
    assert image_lines(cells, ";").tolist() == ["a\nb", "c", "d", "e\nf", "", "", "", ""]


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), unique=True), st.sampled_from(["|", ", "]))
def test_splitting_undoes_joining_and_repeated_images_count_once(names, separator):
    assert split_cell(separator.join(names), separator) == names
    assert image_lines(pd.Series([separator.join([*names, *names])], dtype="str"), separator)[0] == "\n".join(names)


def test_a_path_out_of_the_root_is_refused_wherever_it_stands(tmp_path):
    table = rows(list).assign(image=[["x.jpg", "../../etc/passwd"], [], [], []])
    table.to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    with pytest.raises(InputError, match=r"p\.jsonl, line 1: id a has '\.\./\.\./etc/passwd'"):
        read(tmp_path, "p.jsonl")


def test_lists_elsewhere_and_separators_that_are_part_of_paths_are_refused(tmp_path):
    rows(list).assign(label=[["l"], "l", "l", "l"]).to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    with pytest.raises(InputError, match=r"p\.jsonl, line 1: 'label' holds a list: \['l'\]"):
        read(tmp_path, "p.jsonl")
    for separator in ("/", ".", "", "a"):
        with pytest.raises(ValueError, match="is part of paths or addresses"):
            CatalogueConfig(format="table", root=tmp_path, image_separator=separator)


@pytest.fixture
def gallery(tmp_path) -> pd.DataFrame:
    """Products with two images, a bad and a good one, none, two bad ones, and three of which the second is bad."""
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(encoded(number))
    (tmp_path / "bad.png").write_bytes(b"no image")
    lines = {"a": "0.png\n1.png", "b": "bad.png\n2.png", "c": None, "d": "bad.png\nno.png", "e": "3.png\nno.png\n4.png"}
    return pd.DataFrame({"image": lines}, dtype="str").rename_axis("id")


def test_bad_images_are_left_out_and_the_product_keeps_the_others(gallery, tmp_path):
    listed = list_images(gallery["image"])
    inspection = inspect_images(tmp_path, listed)
    assert list(inspection.bad.index) == ["b", "d", "d", "e"]
    products, lacking = use_images(gallery, listed, inspection.bad, keep_all=True)
    assert products["image"].fillna("").to_dict() == {
        "a": "0.png", "b": "2.png", "c": "", "d": "bad.png", "e": "3.png",
    }  # fmt: skip
    assert products[MORE].dropna().to_dict() == {"a": "1.png", "e": "4.png"}
    assert lacking["reason"].to_dict() == {"d": "not an image"}
    assert count_images(products).tolist() == [2, 1, 1, 1, 2]
    first, lacking = use_images(gallery, listed, inspection.bad, keep_all=False)
    assert first["image"].equals(products["image"])
    assert MORE not in first
    assert count_images(first).tolist() == [1] * 5


def test_if_the_first_image_is_used_the_others_are_not_even_opened(gallery, tmp_path, monkeypatch):
    opened = []
    inspect = faults.Inspector.inspect
    monkeypatch.setattr(faults.Inspector, "inspect", lambda self, path: opened.append(path) or inspect(self, path))
    listed = list_images(gallery["image"])
    inspection = inspect_first_images(tmp_path, listed)
    assert sorted(opened) == ["0.png", "2.png", "3.png", "bad.png", "no.png"]
    everything = inspect_images(tmp_path, listed)
    for found in (inspection, everything):
        products, lacking = use_images(gallery, listed, found.bad, keep_all=False)
        assert products["image"].fillna("").tolist() == ["0.png", "2.png", "", "bad.png", "3.png"]
        assert list(lacking.index) == ["d"]
    hashes = inspection.hashes.groupby(level=0).first()
    assert hashes["b"] == inspect_images(tmp_path, pd.Series({"x": "2.png"})).hashes["x"]  # that of the usable image


def test_images_are_read_by_number_with_and_without_a_cache(gallery, tmp_path):
    listed = list_images(gallery["image"])
    products, lacking = use_images(gallery, listed, inspect_images(tmp_path, listed).bad, keep_all=True)
    products["image"] = products["image"].mask(products.index.isin(lacking.index))
    assert all_paths(products) == ["0.png", "1.png", "2.png", None, None, "3.png", "4.png"]
    files, cached = (open_images(products, tmp_path, tmp_path / "cache", side) for side in (None, 24))
    assert len(np.load(tmp_path / "cache/images_24.npy")) == 7
    for id_, number in [("a", 0), ("a", 1), ("b", 0), ("c", 0), ("e", 0), ("e", 1)]:
        assert np.array_equal(files.read(id_, 24, number), cached.read(id_, 24, number))
    assert not np.array_equal(cached.read("a", 24, 0), cached.read("a", 24, 1))
    assert (cached.read("c", 24) == 255).all()
    changed = products.assign(**{MORE: products[MORE].replace("1.png", "5.png")})
    again = open_images(changed, tmp_path, tmp_path / "cache", 24)
    assert not np.array_equal(again.read("a", 24, 1), files.read("a", 24, 1))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=9))
def test_the_mean_is_over_each_group_alone(counts):
    values = np.random.default_rng(sum(counts)).random((sum(counts), 3), dtype=np.float32)
    ends = np.cumsum(counts)
    expected = [values[end - count : end].mean(axis=0) for end, count in zip(ends, counts, strict=True)]
    found = group_means(values, np.array(counts))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == values.dtype
