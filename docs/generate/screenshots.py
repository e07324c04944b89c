"""Take the picture of docs/report.md, docs/figures/report.webp: the top of the report of a finished run, in Chromium.

    pip install -r requirements-browser.txt; apt-get install chromium chromium-driver
    python docs/generate/screenshots.py submissions/sample/report.html

The picture has the facts, the scores, and two sections below them, side by side as on a wide and on a narrow window.
"""

import io
import shutil
import sys
from base64 import b64decode
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

PICTURE = Path(__file__).parents[1] / "figures" / "report.webp"
MOST_BYTES = 200_000
WIDE, NARROW, HEIGHT, GAP = 1200, 390, 1150, 24  # pixels
SCALE = 1.25
WHITE = (255, 255, 255)


def main(report: Path) -> None:
    """Write the picture of a report."""
    wide = take(report, WIDE, "#scores")
    narrow = take(report, NARROW, "#mistakes")
    picture = Image.new("RGB", (wide.width + GAP + narrow.width, max(wide.height, narrow.height)), WHITE)
    picture.paste(wide, (0, 0))
    picture.paste(narrow, (wide.width + GAP, 0))
    picture.save(PICTURE, quality=80, method=6)
    assert PICTURE.stat().st_size <= MOST_BYTES, f"{PICTURE}: {PICTURE.stat().st_size} bytes"
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


def take(report: Path, width: int, section: str) -> Image.Image:
    """Return a picture of the report in a window of this width, from its top, or scrolled to a section."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": width == NARROW}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
        )
        driver.get(report.resolve().as_uri())
        WebDriverWait(driver, 60).until(lambda _: driver.find_elements("css selector", "#chart-scores svg"))
        if width == NARROW:
            driver.execute_script(f"document.querySelector('{section}').scrollIntoView()")
        return Image.open(io.BytesIO(b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"])))
    finally:
        driver.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
