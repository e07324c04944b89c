"""The figures of the papers: the map of who is right, the cost curve, fusion by inputs."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from latefusion.notebook import plots
from latefusion.scores.paper.report import WHO_IS_RIGHT
from latefusion.scores.paper.selection import pair_of
from latefusion.scores.results import Results
from latefusion.utils.files import atomic_write

RIGHT_COLOURS = {"both": "0.8", "only_text": plots.BLUE, "only_image": plots.GREEN, "neither": plots.ORANGE}
GROUP_COLOURS = {
    "single expert": plots.BLUE, "one input": plots.SKY, "two inputs": plots.ORANGE, "three inputs": plots.GREEN,
}  # fmt: skip
SELECTION_COLOURS = {"chooses": plots.GREEN, "other policy": plots.SKY, "feature fusion": plots.PINK}


def save_figures(results: Results, tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write the figure of each table to `folder/paper_<table>.png`."""
    mpl.use("agg")
    with mpl.rc_context(plots.STYLE):
        for name, figure in _figures(results, tables).items():
            with atomic_write(folder / f"paper_{name}.png") as partial:
                figure.savefig(partial, format="png")
            plt.close(figure)


def _figures(results: Results, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    split, pair = results.final_split, pair_of(results)
    figures = {"inputs": input_figure(tables["inputs"], results.experiment.chosen_by, split)}
    if pair is not None:
        figures["selection"] = selection_figure(tables["selection"], pair, split)
    if pair is not None and "hidden_map" in tables:
        figures["hidden_map"] = map_figure(tables["hidden_map"], pair[0])
    return figures


def map_figure(table: pd.DataFrame, expert_name: str) -> Figure:
    """Return the t-SNE map of an expert's last hidden layer, coloured by who is right (Zahavy et al., Figure 3)."""
    figure, axes = plt.subplots(figsize=(plots.WIDTH, 0.75 * plots.WIDTH))
    for name, colour in RIGHT_COLOURS.items():
        own = table[table["right"] == name]
        label = f"{WHO_IS_RIGHT[name]}: {100 * len(own) / max(len(table), 1):.1f} %"
        axes.scatter(own["x"], own["y"], s=9, color=colour, label=label)
    axes.set(xticks=[], yticks=[], title=f"Last hidden layer of {plots.caption(expert_name)}, {len(table):,} products")
    axes.grid(visible=False)
    plots.legend_below(axes, columns=2)
    return figure


def input_figure(table: pd.DataFrame, metric: str, split: str) -> Figure:
    """Return single experts and fusion of two and three inputs (Wirojwatanakul and Wangperawong, Tables 1 and 3)."""
    figure, axes = plots.rows_figure(len(table), legend=True)
    plots.dots(axes, table, table["group"].map(GROUP_COLOURS))
    plots.name_rows(axes, [f"{row.method} ({row.inputs})" for row in table.itertuples()], 46)
    for group in table["group"].unique():
        axes.scatter([], [], color=GROUP_COLOURS[group], s=30, label=group)
    plots.legend_below(axes)
    axes.set(xlabel=f"{metric} in percent", title=f"Fusion by inputs ({split})")
    return figure


def selection_figure(table: pd.DataFrame, pair: tuple[str, str], split: str) -> Figure:
    """Return the gains over the text expert of the policies on a pair (Zahavy et al., Table 1)."""
    figure, axes = plots.rows_figure(len(table), legend=True)
    values = table.rename(columns={"gain": "value"})
    plots.dots(axes, values, [SELECTION_COLOURS[_sort_of(kind)] for kind in table["kind"]])
    axes.axvline(0, color="black", linewidth=1)
    axes.axvline(100 * table["oracle_gain"].iloc[0], color=plots.GREY, linestyle="--", linewidth=1)
    names = [f"{row.policy} ({', '.join(filter(None, (row.kind, row.input)))})" for row in table.itertuples()]
    plots.name_rows(axes, names, 46)
    for label, colour in SELECTION_COLOURS.items():
        axes.scatter([], [], color=colour, s=30, label=label)
    axes.plot([], [], color=plots.GREY, linestyle="--", label="oracle")
    plots.legend_below(axes)
    text, image = map(plots.caption, pair)
    axes.set(xlabel="points of accuracy", title=f"Gain over {text}, with {image} ({split})")
    return figure


def _sort_of(kind: str) -> str:
    return {"select": "chooses", "joint": "feature fusion"}.get(kind.partition(",")[0], "other policy")
