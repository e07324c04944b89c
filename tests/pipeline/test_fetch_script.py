"""The script that fetches images, from a web server on this machine, and the scripts that read what it fetched."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from helpers.tables import table_config, write_table
from helpers.web import encoded, serving
from helpers.workspace import REPOSITORY, Workspace

LIMITS = ("--pause", "0", "--timeout", "5", "--retries", "0")


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as web:
        yield web


@pytest.fixture
def shop(workspace, web) -> Workspace:
    """A shop whose table has addresses: p0 has a dead link, p1 and p2 share an image, p3 has its own file."""
    urls = ["missing/0.png", *["good/1.png"] * 2, *(f"good/{number}.png" for number in range(3, 30))]
    rows = [
        {"id": f"p{number}", "title": f"{label} {number}", "label": label, "image": web.url(url)}
        for number, (label, url) in enumerate(zip(["lamp", "shoe", "mug"] * 10, urls, strict=True))
    ]
    rows[3]["image"] = "own.png"
    write_table(workspace, "products.csv", rows)
    (workspace.folder / "shop/own.png").write_bytes(encoded(77))
    config = table_config(image="image")
    config["catalogue"]["bad_images"] = "keep"
    workspace.write_config(config)
    return workspace


def refusal(capsys, run, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_a_catalogue_with_addresses_is_refused_until_its_images_are_fetched(shop, web, capsys):
    said = refusal(capsys, shop.run, "01_prepare.py")
    assert "29 products have an image on the web that was not fetched to shop/fetched, the first: id p0, " in said
    assert f"Fetch the images first: python src/14_fetch_images.py --config {shop.config}" in said
    shop.run("14_fetch_images.py", "--allow-private", *LIMITS)
    printed = capsys.readouterr().out
    assert "shop/fetched: 27 images fetched\n" in printed
    assert "1 could not be fetched (1 404): see shop/fetched/report.csv" in printed
    assert web.asked["good/1.png"] == 1
    shop.run("01_prepare.py")
    prepared = shop.read_products()["image"]
    assert prepared.isna().sum() == 1
    assert prepared["p1"] == prepared["p2"]
    assert prepared["p3"] == "own.png"
    assert prepared.drop(["p0", "p3"]).str.fullmatch(r"fetched/[0-9a-f]{32}\.png").all()
    issues = pd.read_csv(shop.run_root / "catalogue/image_issues.csv", index_col="id")
    assert issues["reason"].to_dict() == {"p0": "not downloaded: 404"}
    # The image appears on the web, and is fetched: the catalogue is prepared again.
    web.answers["missing/0.png"] = encoded(5)
    shop.run("14_fetch_images.py", "--allow-private", *LIMITS)
    assert "shop/fetched: 1 image fetched, 27 were there already" in capsys.readouterr().out
    shop.run("01_prepare.py", "--list")
    assert "1 image has changed" in capsys.readouterr().out
    shop.run("01_prepare.py")
    assert shop.read_products()["image"].notna().all()


def test_of_several_images_only_those_that_are_used_are_fetched(shop, web, capsys):
    """`first`: the first that can be had, `mean`: all."""
    table = shop.folder / "shop/products.csv"
    rows = pd.read_csv(table, index_col="id")
    rows.loc["p0", "image"] += f"|{web.url('good/50.png')}|{web.url('good/51.png')}"
    rows.loc["p1", "image"] += f"|{web.url('good/52.png')}"
    rows.loc["p3", "image"] = f"gone.png|{web.url('good/53.png')}"
    rows.to_csv(table)
    separated = ("--set", "catalogue.image_separator='|'")
    assert "that seem to hold several addresses" in refusal(capsys, shop.run, "01_prepare.py")
    fetch = ("14_fetch_images.py", "--allow-private", *LIMITS, *separated)
    shop.run(*fetch)
    assert "1 could not be fetched (1 404)" in capsys.readouterr().out
    assert {path: web.asked[f"good/{path}.png"] for path in range(50, 54)} == {50: 1, 51: 0, 52: 0, 53: 1}
    shop.run("01_prepare.py", *separated)
    assert shop.read_products()["image"].notna().all()
    issues = pd.read_csv(shop.run_root / "catalogue/image_issues.csv", index_col="id")
    assert issues["reason"].to_dict() == {"p0": "not downloaded: 404", "p3": "missing"}
    mean = (*separated, "--set", "catalogue.images_per_product=mean")
    assert "2 products have an image on the web" in refusal(capsys, shop.run, "01_prepare.py", *mean)
    shop.run(*fetch, "--set", "catalogue.images_per_product=mean")
    assert {path: web.asked[f"good/{path}.png"] for path in range(50, 54)} == {50: 1, 51: 1, 52: 1, 53: 1}
    shop.run("01_prepare.py", *mean)
    assert list(shop.read_products()["more_images"].dropna().index) == ["p0", "p1"]


def test_local_servers_are_refused_by_default_and_the_script_says_that_none_was_fetched(shop, web, capsys):
    said = refusal(capsys, shop.run, "14_fetch_images.py", *LIMITS)
    assert "none of 28 images could be fetched" in said
    assert "127.0.0.1 is an address of a local network" in said
    assert web.asked == {}


def test_a_killed_run_leaves_whole_files_and_the_next_goes_on(shop, web):
    command = [
        sys.executable, str(REPOSITORY / "src/14_fetch_images.py"), "--config", str(shop.config), "--allow-private",
        *LIMITS, "--pause", "0.1", "--connections", "2",
    ]  # fmt: skip
    fetched = shop.folder / "shop/fetched"
    process = subprocess.Popen(command, cwd=shop.folder, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None and len(list(fetched.glob("*.png"))) < 5:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    there = {path.name: path.read_bytes() for path in fetched.glob("*.png")}
    assert 5 <= len(there) < 27
    assert not (fetched / "report.csv").exists()
    before = web.asked.total()
    shop.run("14_fetch_images.py", "--allow-private", *LIMITS)
    assert web.asked.total() - before == 28 - len(there)
    assert there.items() <= {path.name: path.read_bytes() for path in fetched.glob("*.png")}.items()
    assert sorted(path.suffix for path in fetched.iterdir()) == [".csv", *[".png"] * 27]


def test_new_products_are_fetched_into_the_folder_of_their_images(shop, web, capsys):
    new = shop.folder / "new.csv"
    new.write_text(f"sku;name;photo\nn1;lamp;{web.url('good/1.png')}\nn2;mug;\nn3;shoe;{web.url('page/1.png')}\n")
    arguments = ("--products", "new.csv", "--images", "photos", "--allow-private", *LIMITS)
    misspelt = refusal(capsys, shop.run_script, "14_fetch_images.py", *arguments)
    assert "--images photos: there is no such folder; if the name is right, create it first" in misspelt
    (shop.folder / "photos").mkdir()
    shop.run_script("14_fetch_images.py", *arguments)
    report = pd.read_csv(shop.folder / "photos/fetched/report.csv", keep_default_na=False)
    assert sorted(report["reason"]) == ["", "not an image"]
    new.write_text("sku;name;photo\nn1;lamp;a.png\n")
    shop.run_script("14_fetch_images.py", *arguments)
    assert "none of 1 product names an image by an address" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --config, to fetch a catalogue's images, or --products and --images"),
        (["--products", "new.csv"], "--products and --images belong together"),
        (["--products", "none.csv", "--images", "x"], "--products none.csv: there is no such file"),
        (["--config", "tiny.yaml", "--connections", "0"], "--connections: too small a number"),
        (["--config", "tiny.yaml", "--pause", "nan"], "--pause nan: give a number"),
        (["--config", "tiny.yaml", "--max-mb", "inf"], "--max-mb inf: give a number"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(workspace, capsys, arguments, message):
    assert message in refusal(capsys, workspace.run_script, "14_fetch_images.py", *arguments)
