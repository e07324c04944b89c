"""The page, used in a real browser: Chromium without a window, through chromedriver.

    pip install -r requirements-browser.txt; apt-get install chromium chromium-driver
    python -m pytest tests/browser

Screenshots are written to the folder that LATEFUSION_SCREENSHOTS names, if it is set; LATEFUSION_MODEL names
an exported model to look at in place of the one of the tests.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.probes import make_exported_shop
from helpers.service import ServerProcess
from helpers.workspace import Workspace

pytest.importorskip("selenium.webdriver", reason="selenium is not installed: requirements-browser.txt")
from helpers.browser import (
    NEEDS_AXE,
    NEEDS_BROWSER,
    WIDTHS,
    accessibility_faults,
    axe_script,
    keep_screenshot,
    open_browser,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from latefusion.service.schema import prediction_type

pytestmark = NEEDS_BROWSER
SMALL = ("--max-pixels", "100000", "--max-body-mb", "1")
# What a model for several labels answers, whose image expert was not asked for (`SeveralPrediction`).
SEVERAL = {
    "id": None,
    "labels": [
        {"label": "Home & Garden >> Lighting", "confidence": 0.97},
        {"label": "<b>white</b>", "confidence": 0.61},
    ],
    "confidence": 0.97,
    "accepted": True,
    "next": [{"label": "gift", "confidence": 0.2}, {"label": "mug", "confidence": 0.1}],
    "experts": {"tfidf": ["Home & Garden >> Lighting"], "text": ["mug", "gift"], "image": None},
    "agree": 1,
    "problem": None,
    "unusual": None,
    "asked": False,
}
HOSTILE = '<img src=x onerror="document.title=`hacked`"><script>document.title="hacked"</script>'


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Workspace:
    if (model := os.environ.get("LATEFUSION_MODEL")) is not None:  # to look at the page with a model of your own
        workspace = Workspace(tmp_path_factory.mktemp("shop"))
        (workspace.folder / "models").mkdir()
        (workspace.folder / "models/tiny").symlink_to(Path(model).resolve())
        return workspace
    return make_exported_shop(Workspace(tmp_path_factory.mktemp("shop")))


@pytest.fixture(scope="module")
def server(shop, tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log"
    with ServerProcess(shop.folder / "models/tiny", log, "--min-confidence", "0.6", *SMALL) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(
    scope="module", params=[(name, scheme) for name in WIDTHS for scheme in ("light", "dark")], ids="-".join
)
def driver(request):
    """A browser as wide as a desktop or a phone, in light or dark colours."""
    with open_browser(*request.param) as driver:
        yield driver


@pytest.fixture
def browser(driver, server):
    """A browser with the page just opened."""
    driver.get(server.url)
    WebDriverWait(driver, 20).until(lambda _: "Model" in text(driver, "about"))
    driver.get_log("browser")  # what the tests before have left
    return driver


def find(driver, id_: str):
    return driver.find_element(By.ID, id_)


def text(driver, id_: str) -> str:
    return find(driver, id_).text


def wait_for_answer(driver) -> None:
    done = "return document.getElementById('answer').getAttribute('aria-busy') === 'false'"
    WebDriverWait(driver, 30).until(lambda _: driver.execute_script(done))


def check_page(driver) -> None:
    """Nothing is wider than the window, and the browser has reported no error."""
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def test_a_product_is_tried(browser, tmp_path):
    photo = tmp_path / "photo.jpg"
    pixels = np.random.default_rng(0).integers(0, 120, (240, 320, 3), dtype=np.uint8) + np.uint8([100, 0, 0])
    cv2.imwrite(str(photo), pixels)
    keep_screenshot(browser, "empty")
    find(browser, "title").send_keys("bright lamp for reading")
    find(browser, "description").send_keys("LED, white\nwith a long arm")
    find(browser, "photo").send_keys(str(photo))
    WebDriverWait(browser, 10).until(lambda _: find(browser, "preview").is_displayed())
    find(browser, "send").click()
    wait_for_answer(browser)
    assert find(browser, "prediction").is_displayed(), text(browser, "message")
    assert text(browser, "label")
    assert "% confidence: " in text(browser, "decision")
    bars = browser.find_elements(By.CSS_SELECTOR, "#classes .bar div")
    assert len(bars) == 3
    assert bars[0].size["width"] >= bars[1].size["width"] >= bars[2].size["width"]
    assert len(browser.find_elements(By.CSS_SELECTOR, "#experts tr")) == 3
    assert not find(browser, "problem").is_displayed()
    keep_screenshot(browser, "answer")
    check_page(browser)


def test_hostile_texts_a_broken_photo_and_an_error_are_shown_as_text(browser, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"half")
    title = browser.title
    find(browser, "title").send_keys(HOSTILE)
    find(browser, "photo").send_keys(str(broken))
    find(browser, "send").click()
    wait_for_answer(browser)
    assert text(browser, "problem") == "The photo was left out: not an image"
    keep_screenshot(browser, "problem")
    find(browser, "remove").click()
    assert find(browser, "photo").get_attribute("value") == ""
    browser.execute_script("document.getElementById('description').value = 'x'.repeat(100001)")
    find(browser, "send").click()
    wait_for_answer(browser)
    assert "products[0].description: 100001 characters" in text(browser, "message")
    assert not find(browser, "prediction").is_displayed()
    keep_screenshot(browser, "error")
    assert browser.title == title
    refused = [entry for entry in browser.get_log("browser") if "422" not in entry["message"]]
    assert refused == []  # the browser itself reports the status 422


def test_a_photo_that_is_too_large_is_left_out_or_refused(browser, tmp_path):
    """One of too many pixels is left out; one of too many bytes is not even sent."""
    wide, heavy = tmp_path / "wide.png", tmp_path / "heavy.png"
    cv2.imwrite(str(wide), np.zeros((400, 600, 3), np.uint8))
    cv2.imwrite(str(heavy), np.random.default_rng(0).integers(0, 255, (600, 600, 3), dtype=np.uint8))
    find(browser, "title").send_keys("leather shoe")
    find(browser, "photo").send_keys(str(wide))
    find(browser, "send").click()
    wait_for_answer(browser)
    assert text(browser, "label")
    assert text(browser, "problem") == "The photo was left out: too large: 600 x 400; at most 100000 pixels are read"
    find(browser, "photo").send_keys(str(heavy))
    find(browser, "send").click()
    wait_for_answer(browser)
    assert text(browser, "message") == "Not predicted: the photo is larger than 0.7 MB: choose a smaller one"
    assert not find(browser, "prediction").is_displayed()
    check_page(browser)


def test_of_several_labels_all_are_shown_with_their_confidences(browser):
    prediction_type(several=True, asks=True).model_validate(SEVERAL)  # the answer is one that the service gives
    browser.execute_script(
        "model.experts = {tfidf: 'text', text: 'text', image: 'image'}; show(arguments[0], arguments[1]);"
        "document.getElementById('prediction').hidden = false; document.getElementById('message').hidden = true",
        SEVERAL,
        {"title": "white lamp", "description": "", "image": "AAAA"},
    )
    assert text(browser, "label") == "Home & Garden >> Lighting, <b>white</b>"
    assert text(browser, "decision") == "97.0 % confidence in the first label: accepted"
    rows = [row.text.split("\n") for row in browser.find_elements(By.CSS_SELECTOR, "#classes li")]
    assert rows == [
        ["Home & Garden >> Lighting", "97.0 %"],
        ["<b>white</b>", "61.0 %"],
        ["gift", "20.0 %"],
        ["mug", "10.0 %"],
    ]
    said = {row.text for row in browser.find_elements(By.CSS_SELECTOR, "#experts tr")}
    assert said == {"tfidf text Home & Garden >> Lighting", "text text mug, gift", "image image \u2013 (not asked for)"}
    assert text(browser, "agree") == "1 of 2 experts that were asked for give the first label."
    keep_screenshot(browser, "several")
    check_page(browser)


@NEEDS_AXE
def test_axe_finds_no_serious_fault(browser):
    find(browser, "title").send_keys("leather shoe")
    find(browser, "send").click()
    wait_for_answer(browser)
    assert find(browser, "prediction").is_displayed()
    assert accessibility_faults(browser) == []


def test_the_keyboard_is_enough(browser):
    """The title has the focus; Tab goes through all fields in their order, Enter in the title sends."""
    order = []
    for _ in range(4):
        order.append(browser.switch_to.active_element.get_attribute("id"))
        ActionChains(browser).send_keys(Keys.TAB).perform()
    assert order == ["title", "description", "photo", "send"]
    find(browser, "title").send_keys("leather shoe", Keys.ENTER)
    wait_for_answer(browser)
    assert find(browser, "prediction").is_displayed()
    roles = browser.execute_script(
        "return [...document.querySelectorAll('input, textarea')].map(field => field.labels.length)"
    )
    assert roles == [1, 1, 1]
    check_page(browser)


def test_the_interface_is_described(browser):
    browser.find_element(By.LINK_TEXT, "How programs call it").click()
    WebDriverWait(browser, 10).until(lambda _: len(browser.find_elements(By.CSS_SELECTOR, "main section")) > 10)
    headings = [heading.text for heading in browser.find_elements(By.TAG_NAME, "h2")]
    assert {"POST /v1/predict", "GET /ready", "Prediction"} <= set(headings)
    keep_screenshot(browser, "docs")
    check_page(browser)
    if axe_script() is not None:
        assert accessibility_faults(browser) == []
