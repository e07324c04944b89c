"""Draw the figures of README and docs into docs/figures/, from the scores of finished runs.

    python docs/generate/figures.py s2020 s2021 s2022

The arguments are the experiments whose mean test scores are drawn (docs/results.md has the commands that make them).
Without arguments only the pipeline is drawn, which needs no run.
"""

import sys
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

FIGURES = Path(__file__).parents[1] / "figures"
INK, PAPER, TEXT, IMAGE, FUSED = "#1f2933", "#ffffff", "#2f6f9f", "#b5651d", "#3b7d4f"
COLOURS = {"text": TEXT, "image": IMAGE, "policy": FUSED, "rule": "#8a8f2a", "vote": "#6b3fa0"}
GROUPS = {"image": "image expert", "text": "text expert", "policy": "policy", "rule": "rule", "vote": "vote"}
STAGES = (  # (x, y, width, height, colour, lines)
    (0.0, 1.0, 1.5, 1.1, INK, ("catalogue", "title, description,", "photo, label")),
    (2.1, 2.0, 2.5, 0.8, TEXT, ("text experts", "CamemBERT, text CNN, TF-IDF")),
    (2.1, 0.95, 2.5, 0.8, IMAGE, ("image experts", "ResNet, VGG, DCL at 448")),
    (2.1, -0.1, 2.5, 0.8, "#6d7680", ("denoising", "cleanlab removes label issues")),
    (5.2, 1.0, 2.0, 1.1, INK, ("probability tables", "a row per product,", "a column per class")),
    (7.8, 1.0, 1.8, 1.1, FUSED, ("policies", "networks, rules,", "selection, stacking")),
    (10.2, 1.0, 1.5, 1.1, "#6b3fa0", ("vote, choice", "calibrated", "confidence")),
    (12.3, 1.0, 1.9, 1.1, INK, ("submission", "report, exported model", "for new products")),
)
ARROWS = (
    ((1.5, 1.7), (2.1, 2.4)), ((1.5, 1.5), (2.1, 1.35)), ((4.6, 2.4), (5.2, 1.75)), ((4.6, 1.35), (5.2, 1.5)),
    ((3.35, 0.7), (3.35, 0.95)), ((7.2, 1.55), (7.8, 1.55)), ((9.6, 1.55), (10.2, 1.55)), ((11.7, 1.55), (12.3, 1.55)),
)  # fmt: skip


def main(experiments: list[str]) -> None:
    """Draw the figures."""
    matplotlib.use("svg")
    plt.rcParams |= {"svg.hashsalt": "latefusion", "font.family": "DejaVu Sans", "svg.fonttype": "path"}
    FIGURES.mkdir(exist_ok=True)
    draw_pipeline(FIGURES / "pipeline.svg")
    if experiments:
        draw_scores(experiments, FIGURES / "scores.svg")


def draw_pipeline(path: Path) -> None:
    """Draw the stages from catalogue to submission."""
    figure, axes = plt.subplots(figsize=(12.5, 2.7))
    for x, y, width, height, colour, (name, *details) in STAGES:
        box = FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0.02", facecolor=PAPER, edgecolor=colour, lw=1.6
        )
        axes.add_patch(box)
        top = y + height - 0.28
        axes.text(x + width / 2, top, name, ha="center", va="center", fontsize=9, weight="bold", color=colour)
        for number, line in enumerate(details, 1):
            axes.text(x + width / 2, top - 0.28 * number, line, ha="center", va="center", fontsize=7, color=INK)
    for start, end in ARROWS:
        axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "#6d7680", "lw": 1.2})
    axes.set(xlim=(-0.1, 14.3), ylim=(-0.2, 2.9))
    axes.axis("off")
    _save(figure, path)


def draw_scores(experiments: list[str], path: Path) -> None:
    """Draw the mean test macro-F1 of each method, with the range of several runs, or the 95 % interval of one."""
    tables = [pd.read_csv(Path("weights") / name / "scores" / "scores.csv") for name in experiments]
    scores = pd.concat(tables)
    own = scores[(scores["split"] == "test") & (scores["metric"] == "macro_f1")]
    low, high = ("low", "high") if len(experiments) == 1 else ("value", "value")
    by_method = own.groupby(["method", "kind"], sort=False).agg(
        mean=("value", "mean"), low=(low, "min"), high=(high, "max")
    )
    ordered = by_method.reset_index().sort_values("mean").reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(8, 0.24 * len(ordered) + 0.9))
    _draw_rows(axes, ordered)
    what = "95 % interval of one run" if len(experiments) == 1 else f"mean and range of {len(experiments)} runs"
    axes.set_xlabel(f"test macro-F1 in percent: {what}")
    _save(figure, path)


def _draw_rows(axes: Axes, ordered: pd.DataFrame) -> None:
    for row in ordered.itertuples():
        colour = COLOURS[row.kind]
        axes.plot([100 * row.low, 100 * row.high], [row.Index] * 2, color=colour, lw=2.5, alpha=0.45)
        axes.plot(100 * row.mean, row.Index, "o", color=colour, ms=5)
    axes.set_yticks(range(len(ordered)), ordered["method"], fontsize=8)
    for kind in dict.fromkeys(ordered["kind"]):
        axes.plot([], [], "o", color=COLOURS[kind], label=GROUPS[kind])
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _save(figure: plt.Figure, path: Path) -> None:
    # a white ground: pages may be dark; no date, so that the same scores give the same file
    figure.savefig(path, bbox_inches="tight", facecolor=PAPER, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
