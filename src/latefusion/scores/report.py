"""The sections of the report `scores.md`, in Markdown: scores, vote, oracle, calibration."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latefusion.scores.notes import best_policy_note, late_note, methods_note
from latefusion.scores.results import GROUPS, Results


def score_section(results: Results, scores: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return the score table, laid out as Table 1 of the paper, and its notes."""
    split = results.final_split
    learnt = results.dataset.fusion_split
    columns = [(learnt, "macro_f1"), *((split, metric) for metric in ("macro_f1", "weighted_f1", "accuracy"))]
    cells = scores.set_index(["method", "split", "metric"])
    gains = comparisons[comparisons["split"] == split].set_index("method")
    rows = [("", "method", *(f"{split} {metric}" for split, metric in columns), f"{split} gain", "p")]
    group = None
    for method in results.methods:
        values = [_with_interval(cells.loc[(method.name, *column)], wide=i < 2) for i, column in enumerate(columns)]
        label = GROUPS[method.kind]
        rows.append((label if label != group else "", method.name, *values, *_gain(gains, method.name)))
        group = label
    means = scores[scores["method"].isin(results.experiment.vote_members)].groupby(["split", "metric"])["value"].mean()
    mean_cells = (_percent(means.get(column)) for column in columns)
    rows.append(("", "(mean of the vote's members)", *mean_cells, "", ""))
    notes = [methods_note(results, scores), best_policy_note(results, scores, comparisons), late_note(results)]
    return "\n\n".join([markdown(rows), *filter(None, notes)])


def vote_section(results: Results, votes: pd.DataFrame) -> str:
    """Return the table of the vote's members: scores, disagreement, and the vote without each of them."""
    own = votes[votes["split"] == results.final_split]
    rows = [("member", "macro_f1", "differs from vote", "differs from members", "vote without it", "adds")]
    numbers = ["macro_f1", "differs_from_vote", "differs_from_members", "vote_without", "adds"]
    rows += [(row.member, *(_percent(getattr(row, key)) for key in numbers)) for row in own.itertuples()]
    return f"## The vote ({results.final_split})\n\n{markdown(rows)}"


def pair_section(results: Results, pairs: pd.DataFrame) -> str:
    """Return the table of which experts are right, for the pairs of a text and an image expert that a policy fuses."""
    fused = {frozenset(policy.experts) for policy in results.experiment.policies.values()}
    is_fused = np.array([{row.text, row.image} in fused for row in pairs.itertuples()], dtype=bool)
    own = pairs[(pairs["split"] == results.final_split) & is_fused]
    rows = [("text", "image", "both right", "only text", "only image", "neither", "oracle accuracy")]
    numbers = ["both", "only_text", "only_image", "neither", "oracle_accuracy"]
    rows += [(row.text, row.image, *(_percent(getattr(row, key)) for key in numbers)) for row in own.itertuples()]
    return f"## Who is right ({results.final_split}, percent of products)\n\n{markdown(rows)}" if len(own) else ""


def calibration_section(results: Results, calibration: pd.DataFrame) -> str:
    """Return the experts' expected calibration errors before and after temperature scaling."""
    own = calibration[calibration["split"] == results.final_split]
    rows = [("expert", "ECE", "ECE tempered", "temperature")]
    rows += [
        (row.expert, _percent(row.ece), _percent(row.ece_tempered), f"{row.temperature:.2f}")
        for row in own.itertuples()
    ]
    learnt = results.dataset.fusion_split
    note = f"Expected calibration error, 15 bins, in percent; temperatures are learnt on {learnt}."
    return f"## Calibration ({results.final_split})\n\n{markdown(rows)}\n\n{note}"


def _gain(gains: pd.DataFrame, method: str) -> tuple[str, str]:
    if method not in gains.index:
        return "", ""
    row = gains.loc[method]
    p = "<0.001" if row["mcnemar_p"] < 0.001 else f"{row['mcnemar_p']:.3f}"
    return f"{100 * row['macro_f1_gain']:+.2f} [{100 * row['low']:+.2f}, {100 * row['high']:+.2f}]", p


def _with_interval(row: pd.Series, *, wide: bool) -> str:
    return f"{100 * row['value']:.2f}" + (f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]" if wide else "")


def _percent(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{100 * value:.2f}"


def markdown(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table with aligned columns; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
