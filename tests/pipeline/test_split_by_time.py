"""A split in the order of time, from the table to the report."""

import numpy as np
import pandas as pd
import pytest
from helpers.tables import shop_products, table_config, write_table

SPLIT = {"by": "time", "n_folds": 2, "test_fraction": 0.2}


def dated(number: int) -> str:
    """Return dates that fall from row to row, two rows a day."""
    return f"2026-{12 - number // 28:02}-{28 - number % 28:02}"


@pytest.fixture
def shop(workspace):
    """A shop whose first rows are the newest; its test products differ from the others in nothing but their dates."""

    def write(settings: dict = SPLIT, rows: list[dict] | None = None, **columns):
        shuffled = np.random.default_rng(0).permutation([row for row in shop_products() if row["label"] != "one"])
        own = [row | {"added": dated(number)} for number, row in enumerate(shuffled)]
        write_table(workspace, "products.csv", own if rows is None else rows)
        config = table_config() | {"split": settings}
        config["catalogue"]["columns"] |= {"time": "added"} | columns
        workspace.write_config(config)
        return own

    workspace.write = write
    return workspace


def read_products(workspace) -> pd.DataFrame:
    return pd.read_parquet(workspace.run_root / "catalogue/products.parquet")


def test_the_newest_by_the_column_of_dates_are_held_out(shop):
    rows = shop.write()
    shop.run("01_prepare.py")
    products = read_products(shop)
    labelled = [row["id"] for row in rows if row["label"]]
    held_out = products.index[products["split"] == "test"]
    assert list(held_out) == labelled[: len(held_out)]
    assert abs(len(held_out) - 0.2 * len(labelled)) <= 2
    assert "added" not in (shop.run_root / "catalogue/report.md").read_text()  # it is used
    first = read_products(shop)
    (shop.run_root / "catalogue/job.json").unlink()
    shop.run("01_prepare.py")
    assert read_products(shop).equals(first)


def test_by_order_the_last_rows_are_held_out(shop):
    rows = shop.write(SPLIT | {"by": "order"}, time=None)
    shop.run("01_prepare.py")
    products = read_products(shop)
    labelled = [row["id"] for row in rows if row["label"]]
    held_out = products.index[products["split"] == "test"]
    assert list(held_out) == labelled[-len(held_out) :]


def test_missing_times_are_refused_with_their_rows(shop, capsys):
    rows = shop.write()
    rows[3]["added"], rows[7]["added"] = "", "soon"
    shop.write(rows=rows)
    with pytest.raises(SystemExit):
        shop.run("01_prepare.py")
    error = capsys.readouterr().err
    assert "Products without a readable time in the column 'added':" in error
    assert f"products.csv, line 5: id {rows[3]['id']} has ''" in error
    assert f"products.csv, line 9: id {rows[7]['id']} has 'soon'" in error
    assert error.count("has '") == 2


def test_a_class_that_is_new_is_trained_on_its_oldest_product_and_named(shop, caplog):
    rows = [row for row in shop.write() if row["label"]]
    for row in rows[:4]:
        row["label"] = "drone"
    for number, row in enumerate(rows[:4]):
        row["title"] = f"drone with camera {number}{number}"
    shop.write(rows=rows)
    shop.run("01_prepare.py")
    products = read_products(shop)
    drones = products[products["label"] == "drone"]
    assert drones["split"].tolist() == ["test", "test", "test", "train"]
    assert "1 class is held out with no product before: 'drone'" in caplog.text


@pytest.mark.parametrize(
    ("split", "columns", "message"),
    [
        (SPLIT, {"time": None}, "split.by time: name the column of dates or numbers: catalogue.columns.time"),
        (SPLIT, {"split": "split"}, "split.by time: not with catalogue.columns.split, which assigns the splits"),
        ({"by": "order", "n_folds": 2}, {}, "split.by order: nothing is held out: set split.test_fraction above 0"),
        (SPLIT, {"time": "created"}, "the products have no column 'created' of its own: there are added"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(shop, capsys, split, columns, message):
    shop.write(split, **columns)
    with pytest.raises(SystemExit):
        shop.run("01_prepare.py")
    assert message in capsys.readouterr().err


def test_the_report_says_how_the_newest_products_differ(shop):
    """They are lamps, all with the same short title."""
    rows = [row for row in shop.write() if row["label"]]
    newest = [{"id": f"n{number}", "title": f"lamp {number}", "label": "lamp"} for number in range(70)]
    shop.write({"by": "order", "n_folds": 2, "test_fraction": 0.49}, [*rows, *(row | {"added": "1"} for row in newest)])
    shop.run_all()
    report = (shop.folder / "submissions/tiny/scores.md").read_text()
    section = report.partition("## The newest products (test), beside the older ones")[2].partition("\n## ")[0]
    assert "Texts are shorter: typically 7 characters" in section
    assert "The test products are the newest." in section
    shop.write({"n_folds": 2, "test_fraction": 0.49}, [*rows, *(row | {"added": "1"} for row in newest)])
    shop.run_all()
    assert "The newest products" not in (shop.folder / "submissions/tiny/scores.md").read_text()
