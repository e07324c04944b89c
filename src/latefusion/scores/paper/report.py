"""The tables of the papers in Markdown."""

from collections.abc import Mapping

import pandas as pd

from latefusion.scores.report import markdown

WHO_IS_RIGHT = {
    "both": "both experts are right",
    "only_text": "only the text expert is right",
    "only_image": "only the image expert is right",
    "neither": "both are wrong",
}


def selection_section(table: pd.DataFrame, pair: tuple[str, str], split: str) -> str:
    """Return Table 1 of Zahavy et al.; nothing without policies on a text and an image expert."""
    if table.empty:
        return ""
    rows: list[tuple[str, ...]] = [
        ("policy", "kind", "input", "layers", "q", "text", "image", "policy score (gain)", "oracle (gain)",
         "policy accuracy", "image chosen"),
    ]  # fmt: skip
    for _, row in table.iterrows():
        gain = f"{_percent(row['score'])} ({_gain(row)})"
        oracle = f"{_percent(row['oracle'])} ({100 * row['oracle_gain']:+.1f})"
        own = (_number(row["layers"]), _number(row["q"]), _percent(row["text"]), _percent(row["image"]), gain, oracle)
        chosen = (_percent(row["policy_accuracy"]), _percent(row["image_share"]))
        rows.append((row["policy"], row["kind"], row["input"] or "", *own, *chosen))
    note = (
        "Accuracy in percent; of several labels, a product is right if its most probable label is one of its own. "
        f"Gains are over {pair[0]}, with paired 95 % intervals. The oracle picks {pair[1]} where only that is right. "
        "Policy accuracy: how often a policy is right in that the image expert is right and the text expert is not."
    )
    title = f"## Policies that choose between {pair[0]} and {pair[1]} ({split})"
    return f"{title}\n\n{markdown(rows)}\n\n{note} Zahavy et al., Table 1."


def error_section(shares: Mapping[str, float], pair: tuple[str, str], split: str) -> str:
    """Return who is right, in percent of the products."""
    rows = [("", "percent of products"), *((WHO_IS_RIGHT[name], _percent(share)) for name, share in shares.items())]
    return f"## Error analysis of {pair[0]} and {pair[1]} ({split})\n\n{markdown(rows)}\n\nZahavy et al., Figure 3."


def input_section(table: pd.DataFrame, gains: pd.DataFrame, metric: str, split: str) -> str:
    """Return Tables 1 and 3 of Wirojwatanakul and Wangperawong, and the gains from one number of inputs to the next."""
    rows: list[tuple[str, ...]] = [("", "inputs", "method", "kind", f"{metric} [95 % interval]")]
    group = None
    for _, row in table.iterrows():
        score = f"{_percent(row['value'])} [{_percent(row['low'])}, {_percent(row['high'])}]"
        rows.append(("" if row["group"] == group else row["group"], row["inputs"], row["method"], row["kind"], score))
        group = row["group"]
    parts = [f"## Fusion by inputs ({split})\n\n{markdown(rows)}"]
    if len(gains):
        named = [
            (row["method"], row["group"], row["against"], row["against_group"], _gain(row))
            for _, row in gains.iterrows()
        ]
        heads = ("best", "of", "over the best", "of", f"gain of {metric} [95 % interval]")
        parts.append(f"{markdown([heads, *named])}\n\nThe best are chosen on the products that policies learn from.")
    return "\n\n".join([*parts, "Wirojwatanakul and Wangperawong, Tables 1 and 3."])


def _gain(row: pd.Series) -> str:
    return f"{100 * row['gain']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"


def _percent(value: float) -> str:
    return "-" if pd.isna(value) else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:g}"
