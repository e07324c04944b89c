"""Chromium without a window, through chromedriver, as wide as a desk or a phone, in light or dark colours."""

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium import webdriver

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
NEEDS_BROWSER = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(DRIVER is None, reason="chromedriver is not installed"),
]
WIDTHS = {"desktop": 1400, "phone": 390}


@contextmanager
def open_browser(width: str, scheme: str, downloads: Path | None = None) -> Iterator[webdriver.Chrome]:
    """Yield a browser; what it downloads lies in `downloads`."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        size = {"width": WIDTHS[width], "height": 900, "deviceScaleFactor": 1, "mobile": width == "phone"}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        if downloads is not None:
            folder = {"behavior": "allow", "downloadPath": str(downloads)}
            driver.execute_cdp_cmd("Browser.setDownloadBehavior", folder)
        driver.name_of_case = f"{width}-{scheme}"
        yield driver
    finally:
        driver.quit()


def keep_screenshot(driver, what: str) -> None:
    """Write a screenshot of the whole page to the folder that LATEFUSION_SCREENSHOTS names, if it is set."""
    if (folder := os.environ.get("LATEFUSION_SCREENSHOTS")) is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        height = driver.execute_script("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": driver.execute_script("return innerWidth"), "height": height, "scale": 1}
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        Path(folder, f"{driver.name_of_case}-{what}.png").write_bytes(base64.b64decode(shot["data"]))


def axe_script() -> Path | None:
    """Return the path of axe-core's script, None if its package is not installed."""
    spec = find_spec("axe_playwright_python")
    return None if spec is None else Path(spec.origin).parent / "axe.min.js"


NEEDS_AXE = pytest.mark.skipif(
    axe_script() is None, reason="axe-playwright-python is not installed: requirements-browser.txt"
)


def accessibility_faults(driver) -> list[tuple[str, str, list[str]]]:
    """Return the serious and critical faults that axe-core finds: rule, impact, and the elements."""
    driver.set_script_timeout(120)  # it takes seconds, on a busy machine many
    driver.execute_script(axe_script().read_text(encoding="utf-8"))
    found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert len(found["passes"]) > 20  # it has looked
    return [
        (fault["id"], fault["impact"], [node["html"][:200] for node in fault["nodes"]][:3])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
