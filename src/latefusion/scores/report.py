"""The sections of the report `scores.md`, in Markdown: scores, vote, oracle, calibration."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from latefusion.scores.automation import SETS
from latefusion.scores.cost import share_needed
from latefusion.scores.notes import SEVERAL_LABELS, best_policy_note, late_note, methods_note
from latefusion.scores.results import GROUPS, Results
from latefusion.scores.submitted import Submitted
from latefusion.scores.tables import MISSED, best_policy, chosen_metric

POWER_TOO = "also a power and a noise (weights/README.md), fitted to the confidence of its decisions."
OFFSET_TOO = (
    "also an offset (weights/README.md), fitted to all labels. ECE is that of the first label, and then that of all "
    "assigned ones."
)
SETS_NOTE = (
    "First right: the first label is one of the product's; thresholds are chosen for this alone. Set right: the whole "
    "set of labels is right, none missing and none too many. Found: the share of the labels of these products that are "
    "assigned."
)
ROUNDING = 1e-12  # of scores that are equal
SHOWN = 5  # experts in the table of the classes that are missed most


def score_section(
    results: Results, scores: pd.DataFrame, comparisons: pd.DataFrame, submitted: Submitted | None
) -> str:
    """Return the score table, laid out as Table 1 of the paper, and its notes; the submitted method is bold."""
    split = results.final_split
    learnt = results.dataset.fusion_split
    columns = [(learnt, results.metrics[0]), *((split, metric) for metric in results.metrics)]
    cells = scores.set_index(["method", "split", "metric"])
    gains = comparisons[comparisons["split"] == split].set_index("method")
    rows = [("", "method", *(f"{split} {metric}" for split, metric in columns), f"{split} gain", "p")]
    group = None
    for method in results.methods:
        values = [_with_interval(cells.loc[(method.name, *column)], wide=i < 2) for i, column in enumerate(columns)]
        label = GROUPS[method.kind]
        name = f"**{method.name}**" if submitted and method == submitted.method else method.name
        rows.append((label if label != group else "", name, *values, *_gain(gains, method.name)))
        group = label
    members = scores[scores["method"].isin(results.experiment.vote_members)]
    if len(members):
        means = members.groupby(["split", "metric"])["value"].mean()
        mean_cells = (_percent(means.get(column)) for column in columns)
        rows.append(("", "(mean of the vote's members)", *mean_cells, "", ""))
    notes = [
        SEVERAL_LABELS if results.dataset.several else "", methods_note(results, scores),
        best_policy_note(results, scores, comparisons), late_note(results),
    ]  # fmt: skip
    return "\n\n".join([markdown(rows), *filter(None, notes)])


def vote_section(results: Results, votes: pd.DataFrame) -> str:
    """Return the table of the vote's members: scores, disagreement, and the vote without each; nothing without vote."""
    own = votes[votes["split"] == results.final_split]
    if own.empty:
        return ""
    metric = own["metric"].iloc[0]
    rows = [("member", metric, "differs from vote", "differs from members", "vote without it", "adds")]
    numbers = ["score", "differs_from_vote", "differs_from_members", "vote_without", "adds"]
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


def asked_section(results: Results, asked: pd.DataFrame) -> str:
    """Return the table of the policies that choose: how often, and how often rightly; nothing without any."""
    own = asked[asked["split"] == results.final_split]
    if own.empty:
        return ""
    rows = [("policy", "first", "second", "asked", "policy accuracy", "oracle accuracy")]
    numbers = ["asked", "policy_accuracy", "oracle_accuracy"]
    rows += [
        (row.policy, row.first, row.second, *(_percent(getattr(row, key)) for key in numbers))
        for row in own.itertuples()
    ]
    note = (
        "asked: the products for which the second is chosen, or asked for. Policy accuracy: those for which this is "
        "right, because the second is asked if and only if it alone is right. Oracle: one of the two is right."
    )
    return f"## Policies that choose ({results.final_split}, percent of products)\n\n{markdown(rows)}\n\n{note}"


def cost_section(results: Results, cost: pd.DataFrame) -> str:
    """Return for each policy of kind on_demand at which share of the images the full score is reached, and a table."""
    own, sections = cost[cost["split"] == results.final_split], []
    for policy, curve in own.groupby("policy", sort=False):
        metric = curve["metric"].iloc[0]
        rows = [("share of images", "products", metric, "below the full score by")]
        for _, row in curve.iterrows():
            if round(20 * row["share"]) % 2 == 0:  # every 10 %
                score = f"{100 * row['score']:.2f} [{100 * row['score_low']:.1f}, {100 * row['score_high']:.1f}]"
                below = f"{100 * row['difference']:.2f} [{100 * row['low']:+.2f}, {100 * row['high']:+.2f}]"
                rows.append((_target(row["share"]), str(row["asked"]), score, below))
        sections.append(f"**{policy}**: {cost_sentence(curve)}\n\n{markdown(rows)}")
    if not sections:
        return ""
    note = (
        "Images are looked at for the products with the highest scores of the policy. At 0 % it decides as its "
        "`first`, at 100 % as its `then`. Every 5 %, and on all splits: `scores/cost.csv`."
    )
    return "\n\n".join([f"## Score and share of images ({results.final_split})", *sections, note])


def cost_sentence(curve: pd.DataFrame) -> str:
    """Return at which share the score is that of all images, and from which share on it is not clearly lower."""
    full = curve["score"].iloc[-1]
    reached = curve.loc[curve["score"] >= full - ROUNDING, "share"].min()
    sentence = f"the full score is reached at {_target(reached)} of the images ({100 * full:.2f})."
    if (needed := share_needed(curve)) >= reached:  # nothing is learnt from it
        return sentence
    return f"{sentence} At {_target(needed)} it is not clearly lower: the interval of the difference includes zero."


def calibration_section(results: Results, calibration: pd.DataFrame) -> str:
    """Return the expected calibration errors before and after calibration: of the experts, of the submitted method."""
    own = calibration[calibration["split"] == results.final_split]
    errors = {"ece": "ECE", "ece_tempered": "ECE calibrated"}
    if results.dataset.several:
        errors |= {"labels_ece": "ECE of all labels", "labels_ece_tempered": "ECE of all labels, calibrated"}
    rows = [("expert", *errors.values(), "temperature")]
    rows += [
        (row["expert"], *(_percent(row[column]) for column in errors), f"{row['temperature']:.2f}")
        for _, row in own.iterrows()
    ]
    learnt = results.dataset.fusion_split
    note = (
        f"Expected calibration error, 15 bins, in percent; learnt on {learnt}. Experts: a temperature. The submitted "
        f"method: {OFFSET_TOO if results.dataset.several else POWER_TOO}"
    )
    return f"## Calibration ({results.final_split})\n\n{markdown(rows)}\n\n{note}"


def misclassified_section(results: Results, scores: pd.DataFrame, misclassified: pd.DataFrame) -> str:
    """Return the classes that are missed most, by each text and image expert and by the best policy, side by side.

    As in Tables 2 and 4 of Wirojwatanakul and Wangperawong, "Multi-Label Product Categorization Using Multi-Modal
    Fusion Models", 2019.
    """
    split = results.final_split
    own = misclassified[misclassified["split"] == split]
    best = best_policy(scores)
    methods = [*_best_experts(scores), *([] if best is None else [best])]
    if own.empty or not methods:
        return ""
    columns = [
        [f"{row['class']} ({row['missed']}/{row['labelled']})" for _, row in own[own["method"] == name].iterrows()]
        for name in methods
    ]
    longest = max(map(len, columns))
    rows: list[tuple[str, ...]] = [tuple(map(_cell, methods))]
    rows += [tuple(_cell(column[i]) if i < len(column) else "" for column in columns) for i in range(longest)]
    note = (
        f"For each method the {MISSED} classes with the highest share of products that are not decided for them: "
        f"(missed/products of the class). Experts are at most the {SHOWN} best"
        + (f"; {best} is the best policy. All methods: `scores/misclassified.csv`." if best else ".")
    )
    return f"## Classes that are missed most ({split})\n\n{markdown(rows)}\n\n{note}"


def _best_experts(scores: pd.DataFrame) -> list[str]:
    """Return the names of the text and image experts with the highest scores, out of fold: at most `SHOWN`."""
    metric = chosen_metric(scores)
    own = scores[(scores["split"] != "test") & (scores["metric"] == metric) & scores["kind"].isin(["image", "text"])]
    return own.nlargest(SHOWN, "value")["method"].tolist()


def _cell(text: str) -> str:
    """Return a text as it may be in a cell of a Markdown table."""
    return text.replace("|", "/")


def automation_section(results: Results, automation: pd.DataFrame, coverage: pd.DataFrame) -> str:
    """Return which confidence thresholds are right how often, how often each share of the products, and a sentence."""
    if automation.empty:
        return ""
    learnt, final = results.dataset.fusion_split, results.final_split
    tried = (
        f"Shares are in percent of {' and '.join(f'{n} {split}' for split, n in _sizes(automation).items())} products. "
        f"Thresholds are learnt on {learnt}"
        + (f" and tried on {final}." if final != learnt else "; no test label is known.")
    )
    tables = [threshold_table(automation, "target"), threshold_table(coverage, "coverage")]
    sentence = automation_sentence(automation, learnt, final)
    several = [SETS_NOTE] if results.dataset.several else []
    return "\n\n".join([f"## Automation\n\n{sentence}", *map(markdown, tables), *several, tried])


def threshold_table(table: pd.DataFrame, column: str) -> list[tuple[str, ...]]:
    """Return the rows of a table of thresholds, the first of them the header, by target or coverage (`column`)."""
    splits, names = list(dict.fromkeys(table["split"])), {"share": "share", "right": "right"}
    if SETS[0] in table:  # several labels
        names = {"share": "share", "right": "first right", SETS[0]: "set right", SETS[1]: "found"}
    heads = (f"{split} {name}" for split in splits for name in names.values())
    rows: list[tuple[str, ...]] = [(column, "confidence", *heads)]
    for target, own in table.groupby(column):
        cells = own.set_index("split")
        threshold = cells["threshold"].iloc[0]
        values = (_percent(cells.loc[split, key]) for split in splits for key in names)
        rows.append((_target(target), "-" if np.isnan(threshold) else f"{threshold:.4f}", *values))
    return rows


def automation_sentence(automation: pd.DataFrame, learnt: str, final: str, target: float = 0.98) -> str:
    """Return what the threshold of a target, or of the highest target that is reached, gave, and what it promises."""
    several = SETS[0] in automation
    reached = automation[(automation["split"] == learnt) & automation["threshold"].notna()]
    if reached.empty:
        right, least = "a right first label" if several else "to be right", _target(automation["target"].min())
        return f"No confidence is high enough {'for ' * several}{right} for {least} of the products."
    row = reached[reached["target"] <= target].iloc[-1] if (reached["target"] <= target).any() else reached.iloc[0]
    whose, were = ("the first label of ", "was") if several else ("", "were")
    found = (
        f"Of the {row['n']} {learnt} products, {100 * row['share']:.0f} % had a confidence of {row['threshold']:.4f} "
        f"or more, and {whose}{100 * row['right']:.1f} % of these {were} right{_sets(row)}, out of fold"
    )
    tried = automation[(automation["split"] == final) & (automation["target"] == row["target"])].iloc[0]
    if final != learnt and tried["accepted"]:
        accepted, right = int(tried["accepted"]), round(tried["right"] * tried["accepted"])
        interval = binomtest(right, accepted).proportion_ci(method="wilson")
        found += (
            f"; of the {tried['n']} {final} products, {100 * tried['share']:.0f} %, and {whose}"
            f"{100 * tried['right']:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}] % of these{_sets(tried)}"
        )
    of_new = "first labels of new products" if several else "new products"
    return (
        f"{found}. The threshold was chosen on the {learnt} products, for {_target(row['target'])}: {of_new} are "
        "right about as often only if they are like them."
    )


def _sets(row: pd.Series) -> str:
    """Return how right the sets of labels of the accepted products are, "" with one label each."""
    if SETS[0] not in row:
        return ""
    exact, found = (100 * row[name] for name in SETS)
    return f" (the whole set of labels of {exact:.1f} %; {found:.1f} % of their labels were found)"


def _sizes(automation: pd.DataFrame) -> dict[str, int]:
    return automation.groupby("split", sort=False)["n"].first().to_dict()


def _target(target: float) -> str:
    return f"{100 * target:.0f} %"


def _gain(gains: pd.DataFrame, method: str) -> tuple[str, str]:
    if method not in gains.index:
        return "", ""
    row = gains.loc[method]
    p = "<0.001" if row["mcnemar_p"] < 0.001 else f"{row['mcnemar_p']:.3f}"
    return f"{100 * row['gain']:+.2f} [{100 * row['low']:+.2f}, {100 * row['high']:+.2f}]", p


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
