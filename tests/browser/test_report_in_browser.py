"""report.html, used in a real browser: Chromium without a window, through chromedriver.

    pip install -r requirements-browser.txt; apt-get install chromium chromium-driver
    python -m pytest tests/browser

The run is made up: 60 classes with long names, hostile titles, missing and broken images. Screenshots are written to
the folder that LATEFUSION_SCREENSHOTS names, if it is set.
"""

import itertools
import json
import re
from pathlib import Path

import pytest
from helpers.report import HOSTILE, make_results, make_results_of_several_labels, write_report

pytest.importorskip("selenium.webdriver", reason="selenium is not installed: requirements-browser.txt")
from helpers.browser import (
    CHROMIUM,
    DRIVER,
    WIDTHS,
    accessibility_faults,
    axe_script,
    keep_screenshot,
    open_browser,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from latefusion.catalogue import read_label_choices
from latefusion.config import CatalogueConfig

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(DRIVER is None, reason="chromedriver is not installed"),
]
ALL = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]
SOME = [("desktop", "light"), ("phone", "dark")]
CHARTS = {
    "scores", "gains", "classes", "confusion", "pairs", "disagreement", "calibration", "coverage", "agreement",
    "training",
}  # fmt: skip
MARKS = ":is([aria-label=dot], [aria-label=bar], [aria-label=cell]) > *"


def in_browsers(cases: list[tuple[str, str]]):
    """Run a test in a browser of each of these widths and colours."""
    return pytest.mark.parametrize("driver", cases, indirect=True, ids="-".join, scope="module")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        return write_report(make_results(tmp_path_factory.mktemp("report"), patch, n=240))


@pytest.fixture
def data(report) -> dict:
    html = report.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1])


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def driver(request, downloads):
    with open_browser(*request.param, downloads=downloads) as driver:
        yield driver


@pytest.fixture
def browser(driver, report):
    """A browser with the report just opened; at the end the page has sent no request and reported no error."""
    driver.get(report.as_uri())
    driver.execute_script("localStorage.clear()")
    driver.refresh()
    wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "#chart-scores svg"))
    yield driver
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert "hacked" not in driver.title
    assert [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def wait(driver, condition, message: str = "") -> None:
    WebDriverWait(driver, 10, poll_frequency=0.05).until(lambda _: condition(), message)


def expect(driver, name: str, n: int) -> None:
    """Wait until a list has found n products."""
    wait(driver, lambda: shown(driver, name) == n, f"{n} {name}")


def find(driver, css: str):
    return driver.find_element(By.CSS_SELECTOR, css)


def markup(driver, chart: str) -> str:
    return driver.execute_script(f"return document.getElementById('chart-{chart}').innerHTML")


def tip(driver, chart: str) -> str:
    return driver.execute_script(f"return document.querySelector('#chart-{chart} [aria-label=tip]')?.textContent ?? ''")


def point_at_mark(driver, chart: str) -> None:
    """Move the pointer to the first mark of a chart, a dot, bar or cell."""
    mark = find(driver, f"#chart-{chart} {MARKS}")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", mark)
    ActionChains(driver).move_to_element(mark).perform()


def shown(driver, name: str) -> int:
    """Return how many products a list says that it has found."""
    return int(find(driver, f"#{name}-count").text.split()[0].replace(",", ""))


def cards(driver, name: str) -> list:
    return driver.find_elements(By.CSS_SELECTOR, f"#{name}-list > li")


def click(driver, element) -> None:
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


@in_browsers(ALL)
def test_every_chart_is_drawn_and_says_its_numbers_where_one_points(browser):
    drawn = {chart for chart in CHARTS if "<svg" in markup(browser, chart)}
    assert drawn == CHARTS
    for chart in sorted(CHARTS):
        point_at_mark(browser, chart)
        wait(browser, lambda chart=chart: tip(browser, chart), chart)
        assert not re.search(r"NaN|undefined|null|-\d|\d{4}\.\d|[2-9]\d\d\.\d", tip(browser, chart)), tip(
            browser, chart
        )
    keep_screenshot(browser, "report")


@in_browsers(SOME)
def test_every_control_changes_its_chart(browser, data):
    for control, chart, value in (
        ("scores-metric", "scores", "accuracy"), ("scores-split", "gains", "valid"), ("classes-order", "classes", "n"),
        ("training-what", "training", "loss"),
    ):  # fmt: skip
        before = markup(browser, chart)
        Select(find(browser, f"#{control}")).select_by_value(value)
        wait(browser, lambda chart=chart, before=before: markup(browser, chart) != before, control)
    find(browser, "#classes-search").send_keys("NAME 007")
    assert find(browser, "#classes-count").text == f"1 of {len(data['class_scores'])} classes"
    find(browser, "#classes-search").send_keys("no such class")
    wait(browser, lambda: find(browser, "#chart-classes").text == "Nothing to show.")
    Select(find(browser, "#training-expert")).select_by_visible_text("images")
    assert "<svg" in markup(browser, "training")


@in_browsers(SOME)
def test_every_filter_finds_its_mistakes(browser, data):
    mistakes = data["mistakes"]
    expect(browser, "mistakes", len(mistakes))
    assert len(cards(browser, "mistakes")) == 20
    form = {
        field.get_attribute("name"): field
        for field in browser.find_elements(By.CSS_SELECTOR, "#mistakes-filters [name]")
    }

    def reset() -> None:
        click(browser, find(browser, "#mistakes-filters button"))
        expect(browser, "mistakes", len(mistakes))

    label = mistakes[0]["label"][0]
    Select(form["label"]).select_by_value(str(label))
    expect(browser, "mistakes", sum(product["label"] == [label] for product in mistakes))
    reset()
    Select(form["decided"]).select_by_value(str(label))
    expect(browser, "mistakes", sum(product["decided"] == [label] for product in mistakes))
    reset()
    Select(form["expert"]).select_by_visible_text("words")
    Select(form["right"]).select_by_value("right")
    number = [expert["name"] for expert in data["experts"]].index("words")
    right = [product for product in mistakes if product["experts"][number][0] == product["label"]]
    expect(browser, "mistakes", len(right))
    assert {
        row.text.split()[-1] for row in browser.find_elements(By.XPATH, "//*[@id='mistakes-list']//tr[th='words']")
    } == {"right"}
    reset()
    middle = round(100 * mistakes[len(mistakes) // 2]["confidence"])
    form["least"].send_keys(Keys.CONTROL, "a", Keys.NULL, str(middle))
    expect(browser, "mistakes", sum(int(100 * product["confidence"] + 0.5) >= middle for product in mistakes))
    reset()
    form["search"].send_keys("läufer 灯")
    expect(browser, "mistakes", sum(product["title"].startswith("Läufer") for product in mistakes))
    reset()
    Select(form["order"]).select_by_value("least")
    assert cards(browser, "mistakes")[0].find_element(By.CSS_SELECTOR, ".id").text == mistakes[-1]["id"]


@in_browsers(SOME)
def test_pages_go_forth_and_back_and_hostile_titles_are_text(browser, data):
    pages = -(-len(data["mistakes"]) // 20)
    previous, following = browser.find_elements(By.CSS_SELECTOR, "#mistakes-pages button")
    assert not previous.is_enabled()
    for page in range(2, pages + 1):
        click(browser, following)
        assert find(browser, "#mistakes-pages span").text == f"Page {page} of {pages}"
    assert not following.is_enabled()
    assert len(cards(browser, "mistakes")) == len(data["mistakes"]) - 20 * (pages - 1)
    click(browser, previous)
    titles = [title.text for title in browser.find_elements(By.CSS_SELECTOR, ".cards h3")]
    assert HOSTILE in titles
    images = browser.find_elements(By.CSS_SELECTOR, ".cards img")
    assert all(browser.execute_script("return arguments[0].naturalWidth > 0", image) for image in images)
    assert "no image" in find(browser, "#mistakes-list").text


@in_browsers(SOME)
def test_a_click_in_the_confusion_matrix_lists_its_products(browser, data):
    label, decided = next((label, decided) for label, decided, _, _ in data["confusion"]["cells"] if label != decided)
    number = next(
        n for n, (one, other, _, _) in enumerate(data["confusion"]["cells"]) if (one, other) == (label, decided)
    )
    cell = browser.find_elements(By.CSS_SELECTOR, "#chart-confusion [aria-label=cell] > *")[number]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", cell)
    ActionChains(browser).move_to_element(cell).pause(0.1).click().perform()
    listed = [product for product in data["mistakes"] if (product["label"], product["decided"]) == ([label], [decided])]
    expect(browser, "mistakes", len(listed))
    assert Select(find(browser, "#mistakes-filters [name=label]")).first_selected_option.get_attribute("value") == str(
        label
    )


@in_browsers(SOME)
def test_choices_are_kept_exported_and_read_by_the_next_run(browser, data, downloads):
    ids = [product["id"] for product in data["issues"]]
    new = data["classes"][7]

    def press(number: int, action: str) -> None:
        click(browser, cards(browser, "issues")[number].find_element(By.CSS_SELECTOR, f"[data-action={action}]"))

    def write_label(number: int, label: str) -> None:
        field = cards(browser, "issues")[number].find_element(By.CSS_SELECTOR, ".to input")
        field.send_keys(Keys.CONTROL, "a", Keys.NULL, label)

    assert not find(browser, "#choices-download").is_enabled()
    press(0, "keep")
    write_label(1, "no such class")
    press(1, "change")
    assert "There is no class" in cards(browser, "issues")[1].find_element(By.CSS_SELECTOR, ".message").text
    write_label(1, new)
    press(1, "change")
    press(2, "remove")
    press(3, "remove")
    press(3, "remove")  # again: no choice
    assert find(browser, "#choices-count").text == "3 choices"
    assert cards(browser, "issues")[1].find_element(By.TAG_NAME, "legend").text == f"Chosen: change to {new}"
    browser.refresh()
    assert find(browser, "#choices-count").text == "3 choices"
    Select(find(browser, "#issues-filters [name=chosen]")).select_by_value("yes")
    expect(browser, "issues", 3)
    path = downloads / "label_choices.csv"
    path.unlink(missing_ok=True)
    click(browser, find(browser, "#choices-download"))
    wait(browser, lambda: path.is_file())
    read = read_label_choices(CatalogueConfig(format="table", root=downloads, label_choices=path.name))
    assert read.to_numpy().tolist() == [[ids[0], "keep", ""], [ids[1], "change", new], [ids[2], "remove", ""]]
    keep_screenshot(browser, "choices")
    click(browser, find(browser, "#choices-all summary"))
    click(browser, find(browser, "#choices-all tbody button"))
    assert find(browser, "#choices-count").text == "2 choices"
    click(browser, find(browser, "#choices-clear"))
    browser.switch_to.alert.accept()
    assert find(browser, "#choices-count").text == "No choices yet"


@in_browsers(SOME[1:])
def test_of_several_labels_those_that_are_right_are_ticked(driver, downloads, tmp_path, monkeypatch):
    report = write_report(make_results_of_several_labels(tmp_path, monkeypatch))
    driver.get(report.as_uri())
    wait(driver, lambda: "<svg" in markup(driver, "missed"))
    card = cards(driver, "issues")[0]
    boxes = card.find_elements(By.CSS_SELECTOR, "[type=checkbox]")
    names = [box.get_attribute("value") for box in boxes]
    assert any(box.is_selected() for box in boxes)
    for box in boxes:
        if not box.is_selected():
            click(driver, box)
    more = next(name for name in (f"class {number:03}" for number in range(7)) if name not in names)
    card.find_element(By.CSS_SELECTOR, "[list]").send_keys(more)
    click(driver, card.find_element(By.CSS_SELECTOR, "[data-action=change]"))
    path = downloads / "label_choices.csv"
    path.unlink(missing_ok=True)
    click(driver, find(driver, "#choices-download"))
    wait(driver, path.is_file)
    config = CatalogueConfig(format="table", root=downloads, label_choices=path.name, labels="several")
    chosen = read_label_choices(config)["label"].iloc[0].split("\n")
    assert sorted(chosen) == sorted([*names, more])
    assert [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


@in_browsers(SOME)
def test_the_filters_of_label_issues_find_them(browser, data):
    for what in ("denoising", "decision"):
        Select(find(browser, "#issues-filters [name=found]")).select_by_value(what)
        expect(browser, "issues", sum(what in product["found"] for product in data["issues"]))
    click(browser, find(browser, "#issues-filters button"))
    given = data["issues"][0]["given"][0]
    expect(browser, "issues", len(data["issues"]))
    Select(find(browser, "#issues-filters [name=label]")).select_by_value(str(given))
    expect(browser, "issues", sum(product["given"] == [given] for product in data["issues"]))


@pytest.mark.skipif(axe_script() is None, reason="axe-playwright-python is not installed: requirements-browser.txt")
@in_browsers(SOME)
def test_axe_finds_no_serious_fault(browser):
    browser.execute_script("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    click(browser, cards(browser, "issues")[0].find_element(By.CSS_SELECTOR, "[data-action=keep]"))
    assert accessibility_faults(browser) == []


@in_browsers(SOME)
def test_all_controls_have_labels_and_the_keyboard_reaches_them(browser):
    fields = "return [...document.querySelectorAll('input, select')].filter(field => !field.labels.length).length"
    assert browser.execute_script(fields) == 0
    find(browser, "#scores-metric").send_keys(Keys.ARROW_DOWN, Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("id") == "scores-split"
    levels = [int(heading.tag_name[1]) for heading in browser.find_elements(By.CSS_SELECTOR, "h1, h2, h3, h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
