"""Plotting for the notebooks: one style, and the kinds of figures that several notebooks use."""

import textwrap
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from itertools import islice, takewhile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter
from matplotlib.transforms import Bbox
from PIL import Image

from latefusion.scores.results import GROUPS

WIDTH = 9.0  # inches: 900 pixels
ROW_HEIGHT = 0.21  # inches per row of a list
MAX_ROWS = 40  # maximum rows of a list or a matrix
STYLE = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "0.9",
    "legend.frameon": False,
    "axes.prop_cycle": plt.cycler(color=["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"]),
}
# Okabe and Ito's palette, safe for colour-blind readers.
ORANGE, SKY, GREEN, BLUE, RED, PINK, GREY = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "0.55"
BESIDE = (
    ((6, 0), "left"),
    ((-6, 0), "right"),
    ((6, 8), "left"),
    ((6, -8), "left"),
    ((-6, 8), "right"),
    ((-6, -8), "right"),
)
KIND_COLOURS = {
    "image": ORANGE,
    "text": BLUE,
    "joint": PINK,
    "policy": GREEN,
    "rule": SKY,
    "vote": RED,
    "submitted": RED,
}


def rows_figure(n_rows: int, legend: bool = False) -> tuple[Figure, Axes]:
    """Return a figure for a list of `n_rows` rows, the first on top; `legend` adds the space of a legend below it."""
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.3 * legend + ROW_HEIGHT * n_rows))
    axes.set_ylim(n_rows - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    return figure, axes


def name_rows(axes: Axes, names: Sequence[object], width: int = 28) -> None:
    """Write the rows' names on the y axis, each in at most `width` characters, different names differently."""
    axes.set_yticks(range(len(names)), list(map(_escape, shorten_all(names, width))))
    axes.tick_params(axis="y", length=0)


def name_points(axes: Axes, points: pd.DataFrame) -> None:
    """Write the index of a table beside its points (columns x and y); a name that would be on another is left out."""
    axes.figure.draw_without_rendering()  # so that extents are known
    taken: list[Bbox] = []
    for name, x, y in zip(points.index, points.iloc[:, 0], points.iloc[:, 1], strict=True):
        for (dx, dy), align in BESIDE:
            text = axes.annotate(
                name, (x, y), xytext=(dx, dy), textcoords="offset points", ha=align, va="center", fontsize=8
            )
            box = text.get_window_extent()
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def legend_below(axes: Axes, columns: int = 5) -> None:
    """Put the legend below the figure, where it covers no row."""
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right", ncols=columns)


def kind_legend(axes: Axes, kinds: pd.Series) -> None:
    """Add a legend of the kinds of methods, with their names in the score table."""
    for kind in kinds.unique():
        axes.scatter([], [], color=KIND_COLOURS[kind], s=30, label=GROUPS[kind])
    legend_below(axes)


def log_x(axes: Axes) -> None:
    """Make the x axis logarithmic, with plain numbers (100, not 10²)."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(LogFormatter())
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))


def dots(axes: Axes, table: pd.DataFrame, colours: list[str]) -> None:
    """Draw each row's `value` as a dot on a line from `low` to `high`; all three are fractions, drawn in percent."""
    rows = np.arange(len(table))
    axes.hlines(rows, 100 * table["low"], 100 * table["high"], colors=colours, linewidth=2)
    axes.scatter(100 * table["value"], rows, c=colours, s=30, zorder=3)


def matrix(axes: Axes, table: pd.DataFrame, *, digits: int = 0, least: float = 0.5, top: float | None = None) -> None:
    """Draw a table of numbers as colours; numbers of at least `least` are written in their cells, if there is room."""
    values = table.to_numpy(dtype=float)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    columns, rows = (list(map(_escape, shorten_all(names, 18))) for names in (table.columns, table.index))
    axes.set_xticks(range(table.shape[1]), columns, rotation=90)
    axes.set_yticks(range(table.shape[0]), rows)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    dark = 0.6 * (np.nanmax(values, initial=0) if top is None else top)
    for row, column in np.argwhere(values >= least) if max(table.shape) <= MAX_ROWS else []:
        value = values[row, column]
        colour = "white" if value > dark else "black"
        axes.text(column, row, f"{value:.{digits}f}", ha="center", va="center", fontsize=7, color=colour)


def image_grid(images: list[np.ndarray], captions: list[str], columns: int = 6) -> Figure:
    """Return a figure of a grid of images, each with its caption below."""
    cell, gap, n_lines = WIDTH / columns, 0.1, max(text.count("\n") + 1 for text in captions)
    row_height, n_rows = cell + 0.14 * n_lines + gap, -(-len(images) // columns)
    figure = plt.figure(figsize=(WIDTH, n_rows * row_height), layout="none")
    for number, (image, text) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, columns)
        bottom = 1 - (row * row_height + cell) / (n_rows * row_height)
        axes = figure.add_axes(
            ((column + gap / 2) / columns, bottom, (1 - gap) / columns, (cell - gap) / (n_rows * row_height))
        )
        axes.imshow(image)
        axes.axis("off")
        axes.text(0.5, -0.03, text, transform=axes.transAxes, ha="center", va="top", fontsize=7.5)
    return figure


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure with a palette of 256 colours, so that notebooks with stored figures stay small.

    Titles that are too long for the figure are wrapped.
    """
    _wrap_titles(figure)
    content = BytesIO()
    figure.savefig(content, format="png")
    image = Image.open(content).convert("RGB")
    shows_images = any(shown.get_array().ndim == 3 for axes in figure.axes for shown in axes.get_images())
    (_dithered(image) if shows_images else image.quantize(256)).save(path, format="png", optimize=True)


def _dithered(image: Image.Image) -> Image.Image:
    """Return an image of photos with a palette: dots hide that they have more colours."""
    palette = image.quantize(256, method=Image.Quantize.FASTOCTREE)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[(colours >= 248).all(axis=1)] = (
        255  # the background stays white: the nearest colour is not searched exactly
    )
    palette.putpalette(colours.ravel().tolist())
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _wrap_titles(figure: Figure) -> None:
    """Wrap the titles that go beyond the right edge of a figure."""
    found = [(axes, axes.get_title(loc="left")) for axes in figure.axes]
    titles = [next(text for text in axes.findobj(Text) if text.get_text() == title) for axes, title in found if title]
    for text in titles:
        text.set_visible(False)  # a long title changes the layout
    figure.draw_without_rendering()  # so that extents are known
    for text in titles:
        text.set_visible(True)
        box, title = text.get_window_extent(), text.get_text()
        if box.x1 > figure.bbox.width:
            fitting = int(len(title) * (figure.bbox.width - box.x0) / box.width)
            text.set_text(textwrap.fill(title, max(fitting - 2, 10)))


def percent_from_zero(axes: Axes) -> None:
    """Let an x axis of percent begin at zero and end at ten or more, with room for the marks at zero."""
    right = max(axes.get_xlim()[1], 10)
    axes.set_xlim(-0.015 * right, right)


def of_classes(shown: int, total: int) -> str:
    """Return a phrase for titles that says how many of the classes are shown."""
    return f"{total} classes" if shown == total else f"the {shown} largest of {total:,} classes"


def caption(text: object, width: int = 28) -> str:
    """Return a text as one line of at most `width` characters, escaped for matplotlib."""
    return _escape(shorten(text, width))


def shorten(text: object, width: int) -> str:
    """Return a text as one line of at most `width` characters, not yet escaped (see `caption`).

    A long text loses its middle: the end of a path of categories is more specific than the start.
    """
    line = _drawable(text)
    start = width // 3
    return line if len(line) <= width else f"{line[:start].rstrip()}…{line[start + 1 - width :].lstrip()}"


def shorten_all(texts: Sequence[object], width: int) -> list[str]:
    """Return texts as `shorten` does, but different ones differently, not yet escaped.

    If some would look alike, the words are left out that all begin or end with, such as the start of all paths of
    categories; what still looks alike is numbered.
    """
    originals = [_drawable(text) for text in texts]
    distinct = list(dict.fromkeys(originals))
    short = [shorten(text, width) for text in distinct]
    if len(set(short)) < len(distinct):
        short = [shorten(text, width) for text in _without_shared_words(distinct)]
    if len(set(short)) < len(distinct):
        short = [f"{shorten(text, width - 5)} ({number})" for number, text in enumerate(distinct, 1)]
    by_text = dict(zip(distinct, short, strict=True))
    return [by_text[text] for text in originals]


def _without_shared_words(texts: Sequence[str]) -> list[str]:
    """Return several different texts without the words that all of them begin or end with."""
    words = [text.split() for text in texts]
    start = _shared(words)
    rest = [row[start:] for row in words]
    end = _shared([row[::-1] for row in rest])
    return [" ".join(row[: len(row) - end]) for row in rest]


def _shared(rows: list[list[str]]) -> int:
    """Return how many first words all rows share, leaving at least one word of each."""
    most = min(map(len, rows)) - 1
    alike = (len(set(column)) == 1 for column in islice(zip(*rows, strict=False), most))
    return sum(1 for _ in takewhile(bool, alike))


def change(before: str, after: str, width: int = 24) -> str:
    """Return `before → after`, on two lines if one of `width` characters does not hold it; escaped for matplotlib."""
    line = f"{before} → {after}"
    return _escape(line if len(line) <= width else f"{before}\n→ {after}")


def lines(text: object, width: int = 24, most: int = 2) -> str:
    """Return a text as at most `most` lines of at most `width` characters, escaped for matplotlib."""
    return _escape("\n".join(textwrap.wrap(_drawable(text), width, max_lines=most, placeholder="…")))


def _drawable(text: object) -> str:
    """Return a text as one line; characters without a glyph in the font become a replacement character."""
    return " ".join("".join(character if _has_glyph(character) else "\ufffd" for character in str(text)).split())


def _escape(text: str) -> str:
    """Escape dollar signs: matplotlib would read the text between two prices as a formula."""
    return text.replace("$", r"\$")


@cache
def _has_glyph(character: str) -> bool:
    return character.isspace() or get_font(findfont("sans")).get_char_index(ord(character)) > 0
