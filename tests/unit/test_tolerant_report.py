"""The report on a catalogue says what is there, what is missing, and what to check."""

import pandas as pd
import pytest

from latefusion.catalogue import describe_catalogue, read_with_issues, to_markdown
from latefusion.catalogue.ordering import read_dates, read_times
from latefusion.catalogue.row_issues import NONE
from latefusion.config import CatalogueConfig

NO_IMAGES = pd.DataFrame({"image": [], "reason": []}, dtype="str")


def products(labels: list[str | None], **columns) -> pd.DataFrame:
    ids = pd.Index([f"p{n}" for n in range(len(labels))], name="id", dtype="str")
    table = {"title": "x", "description": "y", "image": "z.jpg", "label": labels, "split": "train"} | columns
    return pd.DataFrame(table, index=ids).astype("str").assign(label=pd.array(labels, dtype="str"))


def lines(table: pd.DataFrame, issues: pd.DataFrame = NONE, bad=NO_IMAGES, others=None) -> dict[str, str]:
    others = pd.DataFrame(index=table.index) if others is None else others
    sections = describe_catalogue(table, issues=issues, bad_images=bad, others=others)
    return {headline: "\n".join(text) for headline, text in sections}


def test_classes_are_counted_with_the_largest_smallest_and_rare_ones():
    labels = [f"class {n:02}" for n in range(12) for _ in range(n + 1)]
    found = lines(products(labels))["Classes"]
    assert "12 classes, with 1 to 12 products" in found
    assert "largest: 'class 11' 12, 'class 10' 11" in found
    assert "smallest: 'class 00' 1, 'class 01' 2" in found
    assert "2 classes have fewer than 3 products ('class 01', 'class 00')" in found


def test_without_any_label_there_is_nothing_to_say_about_classes():
    assert set(lines(products([None, None], split="submit"))) == {"Products", "Missing texts and images"}


def test_what_is_missing_is_counted_for_each_split():
    table = products(["x", "x", "y", None])
    table["split"] = ["train", "train", "test", "submit"]
    table.loc["p0", "title"] = ""
    table.loc[["p0", "p1", "p2"], "description"] = None
    table.loc["p0", "image"] = None
    found = lines(table)
    assert found["Products"] == "4 products: 2 train, 1 test, 1 to predict"
    assert found["Missing texts and images"].split("\n") == [
        "train: 1 without title, all without description, 1 without image; 1 without any of these",
        "test: none without title, all without description, none without image",
        "to predict: none without title, none without description, none without image",
    ]


def test_dropped_rows_and_bad_images_are_counted_with_where_they_are_listed():
    issues = pd.DataFrame(
        {"id": ["a", "b"], "reason": ["repeated id, equal to x", "no title"], "action": ["dropped", "kept"]}
    )
    bad = pd.DataFrame({"image": ["a.jpg"], "reason": ["missing"]}, dtype="str")
    found = lines(products(["x", "y"]), issues, bad)["Products"]
    for part in ["1 rows dropped (repeated id 1): see row_issues.csv", "1 rows kept (no title 1)", "image_issues.csv"]:
        assert part in found


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["Home >> Lamps", "Home >> Chairs", "Toys"], ["hierarchy", "'>>'", "(3)", "would be 2"]),
        (["Home > Lamps", "Home > Chairs / Stools", "Toys > A"], ["'>'", "would be 2"]),
        (["Home/Lamps", "Home/Chairs"], ["'/'", "would be 1"]),
        (["red|blue", "red|green", "blue"], ["'|'", "lists of several labels", "(3)"]),
        (["red;blue", "red;green"], ["';'", "lists"]),
    ],
)
def test_labels_that_are_paths_or_lists_are_pointed_out(labels, expected):
    found = lines(products(labels))["Please check"]
    for part in expected:
        assert part in found


@pytest.mark.parametrize("labels", [["Lamps", "TV/Audio", "Chairs"], ["1", "2"], ["a>b", "c"], ["x", None]])
def test_other_labels_are_not(labels):
    assert "Please check" not in lines(products(labels))


DATES = [f"2026-{month:02}-{day:02}" for month in (1, 2, 3) for day in (1, 11, 21, 28)]
ADVICE = "if new products differ from old ones, hold out the newest: split.by: "
FORMS = {
    "iso": DATES,
    "time": [f"{date} 12:30:00" for date in DATES],
    "zone": [f"{date}T12:30:00Z" for date in DATES],
    "german": [".".join(reversed(date.split("-"))) for date in DATES],
    "american": ["/".join([*date.split("-")[1:], date[:4]]) for date in DATES],
}


@pytest.mark.parametrize("dates", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("step", [1, -1])
def test_rows_in_the_order_of_time_are_pointed_out(dates, step):
    table = products(["x"] * 12)
    others = pd.DataFrame({"added": dates[::step], "stock": "7"}, index=table.index, dtype="str")
    found = lines(table, others=others)
    by = "order" if step == 1 else "time, with catalogue.columns.time: added"
    assert f"the rows are in the order of the dates in 'added': {ADVICE}{by}" in found["Please check"]
    assert "'added', 'stock'" in found["Columns that are not used"]
    assert "columns.description" not in found["Columns that are not used"]  # there are no words


def test_ids_in_the_order_of_time_are_pointed_out_and_other_dates_named():
    order = [3, 1, 8, 0, 11, 5, 2, 9, 4, 10, 7, 6]
    table = products(["x"] * 12)
    others = pd.DataFrame({"added": [DATES[n] for n in order]}, index=[f"{n}" for n in order], dtype="str")
    table.index = others.index
    found = lines(table, others=others)["Please check"]
    assert f"the ids are in the order of the dates in 'added': {ADVICE}time, with catalogue.columns.time" in found
    others.index = table.index = pd.Index([f"p{n}" for n in range(12)])
    assert "neither the rows nor the ids" in lines(table, others=others)["Please check"]


@pytest.mark.parametrize("form", FORMS)
def test_times_are_numbers_that_grow(form):
    dates = pd.Series(FORMS[form][:5], dtype="str")
    assert (read_times(dates).diff()[1:] > 0).all()


def test_times_may_be_numbers_or_have_zones_and_what_is_none_is_missing():
    assert read_times(pd.Series(["3", "20.5", "", "nan", "inf", "x"])).tolist()[:2] == [3.0, 20.5]
    assert read_times(pd.Series(["3", "20.5", "", "nan", "inf", "x"])).isna().tolist() == [False] * 2 + [True] * 4
    zones = read_times(pd.Series(["2026-01-01T00:30:00+01:00", "2025-12-31T23:45:00Z"]))
    assert zones.iloc[0] < zones.iloc[1]
    assert read_times(pd.Series(["2026-01-01", "2026-02-01", "2026-13-30", "5"])).isna().tolist() == [
        False,
        False,
        True,
        True,
    ]
    assert read_times(pd.Series([], dtype="str")).empty


@pytest.mark.parametrize(
    "cells",
    [["7"] * 12, ["1.2.3"] * 12, [""] * 12, DATES[:5], ["2026-13-45"] * 12, ["99/99/2026"] * 12, ["v2026-01-01"] * 12],
)
def test_what_is_no_date_is_not_taken_for_one(cells):
    assert read_dates(pd.Series(cells, dtype="str")) is None


def test_columns_that_hold_the_label_are_not_to_be_added():
    table = products(["lamps", "chairs", "lamps", "chairs"])
    cells = {
        "path": ["Home > Lamps", "Home > Chairs", "Home > Lamps", "Sale"],
        "code": ["17", "5", "17", "5"],
        "brand": ["Acme", "Acme", "Bulb", "Acme"],
        "number": ["1", "2", "3", "4"],
    }
    others = pd.DataFrame(cells, index=table.index, dtype="str")
    first, second = lines(table, others=others)["Columns that are not used"].split("\n")
    assert first.startswith("'brand', 'number'; ")
    assert "catalogue.columns.description: [description, brand]" in first
    assert second.startswith("'path', 'code': the label in other words")


def test_the_report_is_markdown():
    text = to_markdown("The catalogue of x", [("Classes", ["one", "two"]), ("Please check", ["three"])])
    assert text == "# The catalogue of x\n\n## Classes\n\n- one\n- two\n\n## Please check\n\n- three\n"


def test_columns_that_are_not_read_come_with_the_products(tmp_path):
    (tmp_path / "products.csv").write_text(
        "sku,name,brand,category,x\nb,Chair,Acme,c,1\nb,Chair,Acme,c,2\na,Lamp,Bulb,l,3\n"
    )
    columns = {"description": None, "image": None}
    catalogue = CatalogueConfig(format="table", root=tmp_path, columns=columns, repeated_ids="drop")
    others = read_with_issues(catalogue).others
    assert others.to_dict() == {"brand": {"b": "Acme", "a": "Bulb"}, "x": {"b": "1", "a": "3"}}
