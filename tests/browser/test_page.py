"""The page, used in a real browser: Chromium without a window, through chromedriver.

    pip install -r requirements-browser.txt; apt-get install chromium chromium-driver
    python -m pytest tests/browser

Screenshots are written to the folder that LATEFUSION_SCREENSHOTS names, if it is set.
"""

import base64
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.probes import make_exported_shop
from helpers.service import ServerProcess
from helpers.workspace import Workspace

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: requirements-browser.txt")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(DRIVER is None, reason="chromedriver is not installed"),
]
WIDTHS = {"desktop": 1400, "phone": 390}
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
    with ServerProcess(shop.folder / "models/tiny", log, "--min-confidence", "0.6") as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(params=[(name, scheme) for name in WIDTHS for scheme in ("light", "dark")], ids="-".join)
def browser(request, server):
    """A browser with the page, as wide as a desktop or a phone, in light or dark colours."""
    name, scheme = request.param
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        size = {"width": WIDTHS[name], "height": 900, "deviceScaleFactor": 1, "mobile": name == "phone"}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.get(server.url)
        WebDriverWait(driver, 20).until(lambda _: "Model" in text(driver, "about"))
        driver.name_of_case = f"{name}-{scheme}"
        yield driver
    finally:
        driver.quit()


def find(driver, id_: str):
    return driver.find_element(By.ID, id_)


def text(driver, id_: str) -> str:
    return find(driver, id_).text


def wait_for_answer(driver) -> None:
    done = "return document.getElementById('answer').getAttribute('aria-busy') === 'false'"
    WebDriverWait(driver, 30).until(lambda _: driver.execute_script(done))


def keep_screenshot(driver, what: str) -> None:
    if (folder := os.environ.get("LATEFUSION_SCREENSHOTS")) is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        height = driver.execute_script("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": driver.execute_script("return innerWidth"), "height": height, "scale": 1}
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        Path(folder, f"{driver.name_of_case}-{what}.png").write_bytes(base64.b64decode(shot["data"]))


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
