"""Take the picture of docs/report.md, docs/figures/report.webp: the report of a finished run, wide and on a phone.

    pip install -r requirements-browser.txt; apt-get install chromium chromium-driver
    python docs/generate/screenshots.py submissions/sample/report.html
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
    """Write the picture of a report: its top in a wide window, its mistakes in a narrow one."""
    wide, narrow = take(report, WIDE, "body"), take(report, NARROW, "#mistakes-list")
    picture = Image.new("RGB", (wide.width + GAP + narrow.width, wide.height), WHITE)
    picture.paste(wide, (0, 0))
    picture.paste(narrow, (wide.width + GAP, 0))
    picture.save(PICTURE, quality=80, method=6)
    n_bytes = PICTURE.stat().st_size
    print(f"{PICTURE}: {n_bytes / 1000:.0f} kB")
    if n_bytes > MOST_BYTES:
        sys.exit(f"error: more than {MOST_BYTES / 1000:.0f} kB: lower SCALE or the quality")


def take(report: Path, width: int, element: str) -> Image.Image:
    """Return a picture of a report in a window of this width, scrolled to an element."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": width == NARROW}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        light = [{"name": "prefers-color-scheme", "value": "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": light})
        driver.get(report.resolve().as_uri())
        WebDriverWait(driver, 60).until(lambda _: driver.find_elements("css selector", "#chart-scores svg"))
        driver.execute_script(f"document.querySelector('{element}').scrollIntoView()")
        return Image.open(io.BytesIO(b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"])))
    finally:
        driver.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
