"""The numbers on top of the report: what is submitted, its score, its gain over text alone, and what it can label."""

from dataclasses import dataclass

import pandas as pd

from latefusion.metrics.f1 import METRIC_NAMES
from latefusion.scores.automation import describe_right
from latefusion.scores.choice import deciding_metric
from latefusion.scores.results import GROUPS
from latefusion.scores.submitted import Submitted
from latefusion.scores.tables import best_text_expert, paired_gain

TARGET = 0.98  # share of the accepted decisions that are to be right
Tables = dict[str, pd.DataFrame]  # the score tables by name, see `scores`


@dataclass(frozen=True)
class Fact:
    """A number with its name and what else is to say about it."""

    name: str
    value: str
    detail: str


def headline_facts(submitted: Submitted | None, tables: Tables) -> list[Fact]:
    """Return the facts about the submitted method; one that says so if nothing is submitted yet."""
    if submitted is None:
        return [Fact("Submitted", "nothing yet", "The job submission is not done.")]
    return [
        _method(submitted),
        *_scores(submitted, tables["scores"]),
        _gain(submitted, tables["scores"]),
        *_coverage(submitted, tables),
    ]


def _method(submitted: Submitted) -> Fact:
    method, facts = submitted.method, submitted.facts
    detail = GROUPS[method.kind]
    if facts["submit"] == "best":
        own = next(one for one in facts["candidates"] if one["method"] == method.name)
        equal = sum(not one["clearly_worse"] for one in facts["candidates"])
        why = f"the simplest of {equal} that are not clearly worse than the best" if equal > 1 else "clearly the best"
        detail = f"{own['complexity']}: of {len(facts['candidates'])} methods {why}"
    return Fact("Submitted", method.name, detail)


def _scores(submitted: Submitted, scores: pd.DataFrame) -> list[Fact]:
    results = submitted.results
    own = scores[(scores["method"] == submitted.method.name) & (scores["split"] == results.final_split)]
    own = own.set_index("metric")
    facts = []
    for metric in dict.fromkeys([deciding_metric(results), "accuracy"]):
        row = own.loc[metric]
        low, high = (100 * min(max(row[key], 0), 1) for key in ("low", "high"))
        products = f"{row['n']:,} {results.final_split} products"
        detail = f"95 % interval {low:.1f} to {high:.1f}; {products}"
        facts.append(Fact(METRIC_NAMES[metric], f"{100 * row['value']:.1f} %", detail))
    return facts


def _gain(submitted: Submitted, scores: pd.DataFrame) -> Fact:
    results, other = submitted.results, best_text_expert(scores)
    title = "Gain over text alone"
    if other is None:
        return Fact(title, "-", "There is no text expert.")
    if other == submitted.method.name:
        return Fact(title, "0", f"{other} is the best text expert itself.")
    metric = deciding_metric(results)
    gain, low, high = (100 * value for value in paired_gain(results, submitted.method.name, other, metric))
    detail = f"points of {METRIC_NAMES[metric]} over {other}; 95 % interval {low:+.1f} to {high:+.1f}, paired"
    return Fact(title, f"{gain:+.1f}", detail)


def _coverage(submitted: Submitted, tables: Tables) -> list[Fact]:
    """Return how many products the threshold of 98 % accepts on `final_split`, and how many of these are right."""
    table = tables["automation"]
    own = table[(table["split"] == submitted.results.final_split) & (table["target"] == TARGET)]
    if own.empty:
        return []
    several = submitted.results.dataset.several
    what = "First label automatic" if several else "Labelled automatically"
    row, title = own.iloc[0], f"{what} at {100 * TARGET:.0f}\u00a0%"
    if pd.isna(row["threshold"]):
        which = "first labels" if several else "decisions"
        return [Fact(title, "none", f"No confidence is high enough for this share of right {which}.")]
    learnt, final = submitted.results.dataset.fusion_split, submitted.results.final_split
    right = f"; {describe_right(row)}" if row["accepted"] else ""
    detail = f"of the {final} products have a confidence of {row['threshold']:.2f} or more{right}"
    if learnt != final:
        detail += f" (threshold learnt on {learnt})"
    return [Fact(title, f"{100 * row['share']:.0f} %", detail)]
