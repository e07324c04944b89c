"""The table below each chart: the same numbers as text, in percent unless the head says otherwise."""

from typing import NamedTuple

from latefusion.report.charts import percent
from latefusion.scores.automation import SETS

MOST_CLASSES, MOST_EPOCHS = 200, 400  # rows


class Table(NamedTuple):
    """A table with its caption; the first cell of each row is its name."""

    caption: str
    head: list[str]
    rows: list[list[object]]


def chart_tables(data: dict) -> dict[str, list[Table]]:
    """Return the tables of each chart, by the chart's name; `data` is what the charts are drawn from."""
    return {
        "scores": [_scores(data, split) for split in data["splits"]],
        "gains": [_gains(data)],
        "classes": [_classes(data)],
        "confusion": [_confusion(data)] if data["confusion"] else [],
        "missed": [_missed(data)],
        "pairs": [_pairs(data)],
        "disagreement": [_disagreement(data)],
        "calibration": [_calibration(data)],
        "coverage": [_coverage(data)],
        "agreement": [_agreement(data)] if data["agreement"] else [],
        "training": [_training(data)],
    }


def _scores(data: dict, split: str) -> Table:
    rows: list[list[object]] = [
        [row["method"], row["group"], percent(row["value"]), f"{percent(row['low'])} to {percent(row['high'])}"]
        for row in data["scores"]
        if row["split"] == split and row["metric"] == data["metric"]
    ]
    caption = f"Table: {data['metrics'][data['metric']]}, {data['splits'][split]} products"
    return Table(caption, ["method", "group", "percent", "95 % interval"], rows)


def _gains(data: dict) -> Table:
    rows: list[list[object]] = [
        [row["method"], _points(row["value"]), f"{_points(row['low'])} to {_points(row['high'])}", _p_value(row["p"])]
        for row in data["gains"]
        if row["split"] == data["split"]
    ]
    caption = f"Table: gains, {data['splits'][data['split']]} products"
    return Table(caption, ["method", "points", "95 % interval", "p (McNemar)"], rows)


def _classes(data: dict) -> Table:
    methods, scores = data["methods"], data["class_scores"]
    which = f"the first {MOST_CLASSES} classes" if len(scores) > MOST_CLASSES else "each class"
    rows: list[list[object]] = [
        [_name(data, row["class"]), row["n"], *(percent(row[what]) for what in methods)]
        for row in scores[:MOST_CLASSES]
    ]
    return Table(f"Table: F1 of {which}", ["class", "products", *methods.values()], rows)


def _confusion(data: dict) -> Table:
    rows: list[list[object]] = [
        [_name(data, label), _name(data, decided), n, percent(share)]
        for label, decided, n, share in data["confusion"]["pairs"]
    ]
    head = ["label", "taken for", "products", "percent of the label"]
    return Table("Table: the pairs that are confused most", head, rows)


def _missed(data: dict) -> Table:
    rows: list[list[object]] = [
        [_name(data, row["class"]), row["missed"], row["added"], row["n"]] for row in data["missed"]
    ]
    return Table("Table: the labels that are missed most", ["label", "missed", "added", "products"], rows)


def _pairs(data: dict) -> Table:
    keys = ("both", "only_text", "only_image", "neither", "oracle_accuracy")
    rows: list[list[object]] = [
        [f"{row['text']} and {row['image']}", *(percent(row[key]) for key in keys)] for row in data["pairs"]
    ]
    head = ["experts", "both", "only text", "only image", "neither", "one of the two"]
    return Table("Table: who is right", head, rows)


def _disagreement(data: dict) -> Table:
    rows: list[list[object]] = [[row["case"], row["n"], percent(row["right"])] for row in data["disagreement"]]
    head = ["case", "products", "submitted is right, percent"]
    return Table("Table: the submitted method where they disagree", head, rows)


def _calibration(data: dict) -> Table:
    rows: list[list[object]] = [
        [row["when"], percent(row["confidence"]), percent(row["right"]), row["n"]] for row in data["calibration"]
    ]
    return Table("Table: calibration", ["calibration", "mean confidence", "right", "products"], rows)


def _coverage(data: dict) -> Table:
    names = {"share": "accepted", "right": "right of these"}
    if data["several"]:
        names["right"] = "first label right of these"
        names |= dict(zip(SETS, ("whole set of labels right", "of their labels found"), strict=True))
    rows: list[list[object]] = [
        [percent(row["target"]), f"{row['threshold']:.4f}", *(percent(row[key]) for key in names), row["n"]]
        for row in data["targets"]
    ]
    head = ["to be right", "confidence (0 to 1)", *names.values(), "accepted products"]
    return Table("Table: thresholds", head, rows)


def _agreement(data: dict) -> Table:
    members, shares = data["agreement"]["members"], data["agreement"]["shares"]
    rows: list[list[object]] = [[member, *map(percent, own)] for member, own in zip(members, shares, strict=True)]
    return Table("Table: agreement", ["member", *members], rows)


def _training(data: dict) -> Table:
    rows: list[list[object]] = [
        [
            row["expert"] if row["fold"] is None else f"{row['expert']}, fold {row['fold']}",
            row["epoch"],
            "-" if row["loss"] is None else row["loss"],
            "-" if row["score"] is None else percent(row["score"]),
        ]
        for row in data["training"][:MOST_EPOCHS]
    ]
    return Table("Table: epochs", ["network", "epoch", "training loss", "score"], rows)


def _name(data: dict, number: int) -> str:
    return data["classes"][number]


def _p_value(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:g}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"
