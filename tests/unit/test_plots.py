"""Drawing for the notebooks: texts of shops can be drawn, and every row and image is on the figure."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import pytest

from latefusion.notebook import plots


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context(plots.STYLE):
        yield
    plt.close("all")


def drawn(figure) -> np.ndarray:
    """Draw a figure, with any warning an error, and return its (H, W) ink."""
    figure.canvas.draw()
    return (np.asarray(figure.canvas.buffer_rgba())[..., :3] < 250).any(axis=2)


def test_a_caption_is_one_line_of_the_width_asked_for():
    assert plots.caption("a  long\tname\nof two lines", 40) == "a long name of two lines"
    assert plots.caption("Home > Garden > Furniture > Sofas", 16) == "Home…re > Sofas"
    assert plots.caption("Home > Garden > Furniture > Sofas", 33) == "Home > Garden > Furniture > Sofas"
    assert plots.caption(2583, 4) == "2583"
    assert plots.lines("several words that wrap and wrap again", 12, 2) == "several\nwords that…"
    assert plots.lines("", 12) == ""


@pytest.mark.parametrize("text", ["$5 or $6", "$", "\u706f \U0001f6cb lamp", "a_b^c \\frac{", "\x07bell"])
def test_any_title_can_be_drawn(text):
    figure, axes = plt.subplots()
    axes.set_title(plots.caption(text))
    axes.set_xlabel(plots.lines(text))
    drawn(figure)
    shown = axes.get_title(loc="left").replace(r"\$", "$")
    assert len(shown) == len(text)
    assert shown.count("$") == text.count("$")


def test_long_names_stay_different():
    middle = [f"All departments > {name} > products of this category" for name in ("Watches", "Shoes", "Home Decor")]
    assert plots.shorten_all(middle, 20) == ["Watches", "Shoes", "Home Decor"]
    assert plots.shorten_all([*middle, middle[0]], 20)[3] == "Watches"  # the same name is the same
    assert plots.shorten_all(["Lamps", "Home"], 20) == ["Lamps", "Home"]
    paths = [f"Home > Garden > Furniture > {name}" for name in ("Sofas", "Chairs")]
    assert plots.shorten_all(paths, 16) == [plots.shorten(path, 16) for path in paths]  # their ends differ
    alike = [f"{'a' * 30}{letter}{'b' * 30}" for letter in "xyz"]
    short = plots.shorten_all(alike, 20)
    assert len(set(short)) == 3
    assert max(map(len, short)) <= 20
    assert plots.shorten_all(["a b", "a b c", "a"], 5) == ["a b", "a b c", "a"]
    assert plots.shorten_all([], 5) == []
    assert plots.shorten_all(["one", "one"], 2) == [plots.shorten("one", 2)] * 2


def test_a_change_takes_two_lines_if_one_is_too_short():
    assert plots.change("Mugs", "Cups $2", 24) == r"Mugs → Cups \$2"
    assert plots.change("Kitchen & Dining", "Home Furnishing", 24) == "Kitchen & Dining\n→ Home Furnishing"


def test_names_of_points_do_not_overlap_and_stay_inside():
    figure, axes = plt.subplots(figsize=(9, 3.8))
    x, y = [1, 1, 1, 5, 5, 9], [50, 51, 90, 50, 20, 50]
    axes.scatter(x, y)
    points = pd.DataFrame({"x": x, "y": y}, index=[f"class with a long name {number}" for number in range(6)])
    plots.name_points(axes, points)
    drawn(figure)
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[number + 1 :])
    assert all(axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1 for box in boxes)
    axes.texts[0].remove()
    plots.name_points(axes, pd.DataFrame({"x": [5] * 9, "y": [50] * 9}, index=[f"one of nine {n}" for n in range(9)]))
    assert len(axes.texts) < 5 + 9  # there is no room for nine names at one point


@pytest.mark.parametrize("of_photos", [False, True])
def test_a_figure_is_written_small_with_its_title_inside(tmp_path, of_photos):
    figure, axes = plt.subplots(figsize=(4, 2))
    axes.set_title("Policies on " + " + ".join(["an expert with a long name"] * 4))
    values = np.random.default_rng(0).random((20, 30, 3))  # more than 256 colours
    axes.imshow(values if of_photos else values[..., 0], aspect="auto")
    plots.write_png(figure, tmp_path / "a.png")
    assert axes.get_title(loc="left").count("\n") >= 2
    title = next(text for text in axes.findobj(mpl.text.Text) if text.get_text().startswith("Policies"))
    drawn(figure)
    assert title.get_window_extent().x1 <= figure.bbox.width
    with PIL.Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("P", (400, 200))
        assert image.convert("RGB").getpixel((0, 199)) == (255, 255, 255)
        assert "Software" not in image.info  # else the file would differ from one version of matplotlib to the next


def test_percent_begins_at_zero_also_where_nothing_is_missing():
    figure, axes = plt.subplots()
    axes.scatter([0, 0], [0, 1])
    plots.percent_from_zero(axes)
    drawn(figure)
    assert -0.5 < axes.get_xlim()[0] < 0
    assert axes.get_xlim()[1] == 10


def test_every_row_is_named_and_lies_within_the_figure():
    names = [f"method {number} with a long name" for number in range(30)]
    table = pd.DataFrame({"value": 0.5, "low": 0.4, "high": 0.6}, index=names)
    figure, axes = plots.rows_figure(30)
    plots.dots(axes, table, ["black"] * 30)
    plots.name_rows(axes, names)
    drawn(figure)
    assert len(axes.get_yticklabels()) == 30
    assert axes.get_ylim() == (29.5, -0.5)  # the first on top
    heights = [label.get_window_extent().height for label in axes.get_yticklabels()]
    bottoms = [label.get_window_extent().y0 for label in axes.get_yticklabels()]
    assert all(upper - lower > height for upper, lower, height in zip(bottoms, bottoms[1:], heights, strict=False))


def test_a_sheet_holds_every_image_and_its_caption_within_the_figure():
    images = [np.full((8, 8, 3), number, np.uint8) for number in range(8)]
    figure = plots.image_grid(images, [f"{number}\ntwo lines\nthree" for number in range(8)], columns=6)
    drawn(figure)
    assert len(figure.axes) == 8
    width, height = figure.get_size_inches() * figure.dpi
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[number + 1 :])


def test_a_matrix_writes_its_numbers_while_there_is_room():
    figure, axes = plt.subplots()
    plots.matrix(axes, pd.DataFrame([[0.0, 12.4], [3.0, 0.2]], ["a", "b"], ["a", "b"]))
    drawn(figure)
    assert sorted(text.get_text() for text in axes.texts) == ["12", "3"]
    _, axes = plt.subplots()
    plots.matrix(axes, pd.DataFrame(np.ones((plots.MAX_ROWS + 1, plots.MAX_ROWS + 1))))
    assert not axes.texts
    _, axes = plt.subplots()
    plots.matrix(axes, pd.DataFrame(np.zeros((2, 2))))  # nothing is confused


def test_logarithmic_axes_have_plain_numbers():
    figure, axes = plt.subplots()
    axes.plot([30, 400], [0, 1])
    plots.log_x(axes)
    drawn(figure)
    labels = [label.get_text() for label in axes.get_xticklabels(which="both") if label.get_text()]
    assert "100" in labels
    assert all(label.isdigit() for label in labels)


def test_what_is_shown_of_many_classes_is_said():
    assert plots.of_classes(27, 27) == "27 classes"
    assert plots.of_classes(40, 2890) == "the 40 largest of 2,890 classes"
