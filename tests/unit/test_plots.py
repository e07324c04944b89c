"""Drawing for the notebooks: texts of shops can be drawn, and every row and image is on the figure."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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
