"""The figures of the papers: the map of who is right, the cost curve, fusion by inputs."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from latefusion.metrics.f1 import METRIC_NAMES
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
                plots.write_png(figure, partial)
            plt.close(figure)


def _figures(results: Results, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    split, pair = results.final_split, pair_of(results)
    metric = METRIC_NAMES[results.experiment.chosen_by]
    figures = {"inputs": input_figure(tables["inputs"], metric, split)}
    if len(tables["input_gains"]):
        figures["input_gains"] = gain_figure(tables["input_gains"], metric, split)
    if len(tables["cost"]):
        figures["cost"] = cost_figure(tables["cost"], metric, split)
    if pair is not None and len(tables["selection"]):
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


def error_figure(shares: Mapping[str, float], pair: tuple[str, str], split: str) -> Figure:
    """Return the shares of products on which both, one or neither of two experts is right (Zahavy et al., Figure 3)."""
    figure, axes = plots.rows_figure(len(shares))
    rows = range(len(shares))
    axes.barh(rows, [100 * share for share in shares.values()], color=[RIGHT_COLOURS[name] for name in shares])
    plots.name_rows(axes, [WHO_IS_RIGHT[name] for name in shares], 40)
    text, image = map(plots.caption, pair)
    axes.set(xlabel="percent of products", title=f"{text} and {image} ({split})")
    return figure


def cost_figure(table: pd.DataFrame, metric: str, split: str) -> Figure:
    """Return the score, with 95 % intervals, against the share of products that are asked for; dashed: of all."""
    figure, axes = plt.subplots(figsize=(plots.WIDTH, 0.5 * plots.WIDTH))
    for number, (name, curve) in enumerate(table.groupby("policy", sort=False)):
        colour, share = f"C{number}", 100 * curve["share"]
        axes.fill_between(share, 100 * curve["score_low"], 100 * curve["score_high"], color=colour, alpha=0.15)
        axes.plot(share, 100 * curve["score"], color=colour, marker=".", label=plots.caption(name))
        axes.axhline(100 * curve["score"].iloc[-1], color=colour, linestyle="--", linewidth=1)
    axes.set(xlabel="percent of products that are asked for", ylabel=f"{metric} in percent")
    axes.set_title(f"Score against cost ({split})")
    plots.legend_below(axes, columns=3)
    return figure


def gain_figure(gains: pd.DataFrame, metric: str, split: str) -> Figure:
    """Return the paired gains of the best of each number of inputs over the best of fewer."""
    figure, axes = plots.rows_figure(len(gains))
    plots.dots(axes, gains.rename(columns={"gain": "value"}), [GROUP_COLOURS[group] for group in gains["group"]])
    axes.axvline(0, color="black", linewidth=1)
    plots.name_rows(axes, [f"{row.method} over {row.against}" for row in gains.itertuples()], 46)
    axes.set(xlabel=f"points of {metric}", title=f"Gain of the best of more inputs over the best of fewer ({split})")
    return figure


def missed_figure(missed: pd.DataFrame, methods: list[str], split: str) -> Figure:
    """Return the shares of products that methods miss, of the classes that the first method misses most.

    Empty cells: the class is not among those that the method misses most.
    """
    table = missed[missed["method"].isin(methods)].pivot(index="class", columns="method", values="share")
    first = missed.loc[missed["method"] == methods[0], "class"]
    rows = [*first, *(name for name in table.index if name not in set(first))][: plots.MAX_ROWS]
    table = 100 * table.reindex(index=rows, columns=methods)
    figure, axes = plt.subplots(figsize=(plots.WIDTH, 1.6 + plots.ROW_HEIGHT * len(table)))
    plots.matrix(axes, table, top=100)
    axes.set_title(f"Products of a class that are missed, in percent ({split})")
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
