"""report.html, used in a real browser: Chromium without a window, through chromedriver.

    pip install -r requirements-browser.txt; apt-get install chromium chromium-driver
    python -m pytest tests/browser

The run is made up: 60 classes with long names, hostile titles, missing and broken images. Screenshots are written to
the folder that LATEFUSION_SCREENSHOTS names, if it is set.
"""

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.report import HOSTILE, make_results, make_results_of_several_labels, write_report

pytest.importorskip("selenium.webdriver", reason="selenium is not installed: requirements-browser.txt")
from helpers.browser import (
    NEEDS_AXE,
    NEEDS_BROWSER,
    WIDTHS,
    accessibility_faults,
    keep_screenshot,
    open_browser,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from latefusion.catalogue import read_label_choices
from latefusion.config import CatalogueConfig

pytestmark = NEEDS_BROWSER
ALL = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]
SOME = [("desktop", "light"), ("phone", "dark")]
CHARTS = {
    "scores", "gains", "classes", "confusion", "pairs", "disagreement", "calibration", "coverage", "agreement",
    "training",
}  # fmt: skip
OF_SEVERAL = CHARTS - {"confusion", "training"} | {"missed"}  # made up without networks' logs
CONTROLS = {  # and the charts that they change
    "scores-metric": ["scores"], "scores-split": ["scores", "gains"], "classes-order": ["classes"],
    "training-what": ["training"], "training-expert": ["training"],
}  # fmt: skip
# One network is made up, so choosing it, or all, shows the same.
UNCHANGED = {("training-expert", "images"), ("training-expert", "all")}
ALL_OPEN = "document.querySelectorAll('details').forEach(details => { details.open = true; })"
MARKS = ":is([aria-label=dot], [aria-label=bar], [aria-label=cell]) > *"


def in_browsers(cases: list[tuple[str, str]]):
    """Run a test in a browser of each of these widths and colours."""
    return pytest.mark.parametrize("driver", cases, indirect=True, ids="-".join, scope="module")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        return write_report(make_results(tmp_path_factory.mktemp("report"), patch, n=240))


@pytest.fixture(scope="module")
def report_of_several(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        return write_report(make_results_of_several_labels(tmp_path_factory.mktemp("several"), patch))


@pytest.fixture
def data(report) -> dict:
    return data_of(report)


def data_of(report: Path) -> dict:
    """Return what the scripts of a report read."""
    html = report.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1])


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def driver(request, downloads):
    with open_browser(*request.param, downloads=downloads) as driver:
        yield driver


@contextmanager
def opened(driver, report: Path) -> Iterator:
    """Open a report; at the end it has sent no request, is no wider than the window, and no error was reported."""
    driver.get(report.as_uri())
    driver.execute_script("localStorage.clear()")
    driver.refresh()
    wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "#chart-scores svg"))
    yield driver
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert "hacked" not in driver.title
    assert [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


@pytest.fixture
def browser(driver, report):
    with opened(driver, report):
        yield driver


@pytest.fixture
def browser_of_several(driver, report_of_several):
    with opened(driver, report_of_several):
        yield driver


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
    """Move the pointer to the first mark of a chart, a dot, bar or cell; if there are none, to its line."""
    marks = driver.find_elements(By.CSS_SELECTOR, f"#chart-{chart} {MARKS}")
    mark = marks[0] if marks else find(driver, f"#chart-{chart} [aria-label=line] > *")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", mark)
    ActionChains(driver).move_to_element(mark).perform()


def shown(driver, name: str) -> int:
    """Return how many products a list says that it has found."""
    return int(find(driver, f"#{name}-count").text.split()[0].replace(",", ""))


def cards(driver, name: str) -> list:
    return driver.find_elements(By.CSS_SELECTOR, f"#{name}-list > li")


def check_charts(driver, charts: set[str]) -> None:
    """These charts, and no others, are drawn, and each says its numbers where one points."""
    drawn = {plot.get_attribute("id").removeprefix("chart-") for plot in driver.find_elements(By.CLASS_NAME, "plot")}
    assert drawn == charts == {chart for chart in drawn if "<svg" in markup(driver, chart)}
    for chart in sorted(charts):
        point_at_mark(driver, chart)
        wait(driver, lambda chart=chart: tip(driver, chart), chart)
        said = tip(driver, chart)
        assert not re.search(r"NaN|undefined|null|-\d|\d{4}\.\d|[2-9]\d\d\.\d", said), said


def filters(driver, name: str) -> dict:
    """Return the fields by which a list is filtered, by name."""
    fields = driver.find_elements(By.CSS_SELECTOR, f"#{name}-filters [name]")
    return {field.get_attribute("name"): field for field in fields}


def reset(driver, name: str, n: int) -> None:
    click(driver, find(driver, f"#{name}-filters button"))
    expect(driver, name, n)


def check_filters(driver, name: str, products: list[dict], tried: dict[str, tuple], others: set[str]) -> None:
    """Each filter finds the products that it should, some but not all; `others` are tried elsewhere."""
    form = filters(driver, name)
    assert set(form) == {*tried, *others}
    for field, (value, wanted) in tried.items():
        n = sum(map(wanted, products))
        assert 0 < n < len(products), field
        if form[field].tag_name == "select":
            Select(form[field]).select_by_value(str(value))
        else:
            form[field].send_keys(Keys.CONTROL, "a", Keys.NULL, str(value))
        expect(driver, name, n)
        reset(driver, name, len(products))


def _percent(product: dict) -> int:
    return int(100 * product["confidence"] + 0.5)  # as JavaScript rounds


def click(driver, element) -> None:
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


@in_browsers(ALL)
def test_every_chart_is_drawn_and_says_its_numbers_where_one_points(browser):
    check_charts(browser, CHARTS)
    keep_screenshot(browser, "report")


@in_browsers(SOME)
def test_every_choice_of_every_control_changes_its_charts(browser, data):
    controls = browser.find_elements(By.CSS_SELECTOR, "main select[id]")
    assert {control.get_attribute("id") for control in controls} == set(CONTROLS)
    for control, charts in CONTROLS.items():
        select = Select(find(browser, f"#{control}"))
        first = select.first_selected_option.text
        for option in [option.text for option in select.options if option.text != first] + [first]:
            before = {chart: markup(browser, chart) for chart in charts}
            select.select_by_visible_text(option)
            for chart in charts:
                after = markup(browser, chart)
                assert after != before[chart] or (control, option) in UNCHANGED, (control, option, chart)
                assert "<svg" in after, (control, option, chart)
                assert not re.search("NaN|undefined|Infinity", after), (control, option, chart)
    find(browser, "#classes-search").send_keys("NAME 007")
    assert find(browser, "#classes-count").text == f"1 of {len(data['class_scores'])} classes"
    find(browser, "#classes-search").send_keys("no such class")
    wait(browser, lambda: find(browser, "#chart-classes").text == "Nothing to show.")


@in_browsers(SOME)
def test_every_filter_finds_its_mistakes(browser, data):
    mistakes = data["mistakes"]
    label, decided = mistakes[0]["label"][0], mistakes[0]["decided"][0]
    middle = _percent(mistakes[len(mistakes) // 2])
    assert len(cards(browser, "mistakes")) == 20
    check_filters(
        browser,
        "mistakes",
        mistakes,
        {
            "search": ("läufer 灯", lambda product: product["title"].startswith("Läufer")),
            "label": (label, lambda product: product["label"] == [label]),
            "decided": (decided, lambda product: product["decided"] == [decided]),
            "least": (middle, lambda product: _percent(product) >= middle),
            "most": (middle, lambda product: _percent(product) <= middle),
        },
        others={"expert", "right", "order"},
    )
    form = filters(browser, "mistakes")
    Select(form["expert"]).select_by_visible_text("words")
    number = [expert["name"] for expert in data["experts"]].index("words")
    for wanted in ("right", "wrong"):
        Select(form["right"]).select_by_value(wanted)
        those = [
            product
            for product in mistakes
            if (product["experts"][number][0] == product["label"]) == (wanted == "right")
        ]
        expect(browser, "mistakes", len(those))
        rows = browser.find_elements(By.XPATH, "//*[@id='mistakes-list']//tr[th='words']")
        assert {row.text.split()[-1] for row in rows} == {wanted}
    reset(browser, "mistakes", len(mistakes))
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


@in_browsers(SOME)
def test_of_several_labels_every_chart_is_drawn_and_every_filter_finds_its_products(
    browser_of_several, report_of_several
):
    browser, data = browser_of_several, data_of(report_of_several)
    check_charts(browser, OF_SEVERAL)
    mistakes, issues = data["mistakes"], data["issues"]
    check_filters(
        browser,
        "mistakes",
        mistakes,
        {"label": (1, lambda product: 1 in product["label"]), "decided": (1, lambda product: 1 in product["decided"])},
        others={"search", "expert", "right", "order", "least", "most"},
    )
    check_filters(
        browser,
        "issues",
        issues,
        {
            "label": (1, lambda product: 1 in product["given"]),
            "decided": (1, lambda product: 1 in product["suggested"]),
        },
        others={"search", "found", "chosen", "least", "most"},
    )
    form = filters(browser, "mistakes")
    Select(form["expert"]).select_by_visible_text("words")
    Select(form["right"]).select_by_value("right")
    number = [expert["name"] for expert in data["experts"]].index("words")
    expect(browser, "mistakes", sum(product["experts"][number][0][0] in product["label"] for product in mistakes))
    keep_screenshot(browser, "several")


@in_browsers(SOME)
def test_of_several_labels_each_is_said_to_be_right_wrong_or_missed(browser_of_several, report_of_several):
    data = data_of(report_of_several)
    for card, product in zip(cards(browser_of_several, "mistakes"), data["mistakes"], strict=False):
        said = {
            name.text: {
                strong.text: strong.get_attribute("class") for strong in value.find_elements(By.TAG_NAME, "strong")
            }
            for name, value in zip(
                card.find_elements(By.TAG_NAME, "dt"), card.find_elements(By.TAG_NAME, "dd"), strict=True
            )
        }
        names = {number: data["classes"][number] for number in [*product["label"], *product["decided"]]}
        assert said["Decided"] == {
            names[number]: "right" if number in product["label"] else "wrong" for number in product["decided"]
        }
        missed = [names[number] for number in product["label"] if number not in product["decided"]]
        assert ", ".join(said.get("Missed", {})) == ", ".join(missed)


@in_browsers(SOME)
def test_of_several_labels_those_that_are_right_are_ticked(browser_of_several, downloads):
    browser = browser_of_several
    card = cards(browser, "issues")[0]
    boxes = card.find_elements(By.CSS_SELECTOR, "[type=checkbox]")
    names = [box.get_attribute("value") for box in boxes]
    assert any(box.is_selected() for box in boxes)
    for box in boxes:
        if not box.is_selected():
            click(browser, box)
    more = next(name for name in (f"class {number:03}" for number in range(7)) if name not in names)
    card.find_element(By.CSS_SELECTOR, "[list]").send_keys(more)
    click(browser, card.find_element(By.CSS_SELECTOR, "[data-action=change]"))
    path = downloads / "label_choices.csv"
    path.unlink(missing_ok=True)
    click(browser, find(browser, "#choices-download"))
    wait(browser, path.is_file)
    config = CatalogueConfig(format="table", root=downloads, label_choices=path.name, labels="several")
    chosen = read_label_choices(config)["label"].iloc[0].split("\n")
    assert sorted(chosen) == sorted([*names, more])


@in_browsers(SOME)
def test_every_filter_finds_its_label_issues(browser, data):
    issues = data["issues"]
    given, suggested, middle = issues[0]["given"][0], issues[0]["suggested"][0], _percent(issues[len(issues) // 2])
    check_filters(
        browser,
        "issues",
        issues,
        {
            "search": ("läufer 灯", lambda product: product["title"].startswith("Läufer")),
            "label": (given, lambda product: product["given"] == [given]),
            "decided": (suggested, lambda product: product["suggested"] == [suggested]),
            "found": ("denoising", lambda product: "denoising" in product["found"]),
            "least": (middle, lambda product: _percent(product) >= middle),
            "most": (middle, lambda product: _percent(product) <= middle),
        },
        others={"chosen"},
    )
    Select(filters(browser, "issues")["found"]).select_by_value("decision")
    expect(browser, "issues", sum("decision" in product["found"] for product in issues))


@NEEDS_AXE
@in_browsers(SOME)
def test_axe_finds_no_serious_fault_with_several_labels(browser_of_several):
    browser_of_several.execute_script(ALL_OPEN)
    assert accessibility_faults(browser_of_several) == []


@NEEDS_AXE
@in_browsers(SOME)
def test_axe_finds_no_serious_fault(browser):
    browser.execute_script(ALL_OPEN)
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
