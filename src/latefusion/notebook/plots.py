"""Plotting for the notebooks: one style, and the kinds of figures that several notebooks use."""

import textwrap
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import LogFormatter

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


def name_rows(axes: Axes, names: list[str], width: int = 28) -> None:
    """Write the rows' names on the y axis, each in at most `width` characters."""
    axes.set_yticks(range(len(names)), [caption(name, width) for name in names])
    axes.tick_params(axis="y", length=0)


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
    axes.set_xticks(range(table.shape[1]), [caption(name, 18) for name in table.columns], rotation=90)
    axes.set_yticks(range(table.shape[0]), [caption(name, 18) for name in table.index])
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
