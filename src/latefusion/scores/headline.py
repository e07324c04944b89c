"""The first lines of the report: what is submitted, its score, its gains, why it was chosen, and a warning."""

import pandas as pd

from latefusion.metrics.f1 import METRIC_NAMES
from latefusion.scores.choice import deciding_metric, vote_warning
from latefusion.scores.notes import remaining_influences
from latefusion.scores.submitted import Submitted
from latefusion.scores.tables import best_expert, best_text_expert, paired_gain

NOTHING = "Nothing is submitted yet: the job `submission` is not done."


def headline(submitted: Submitted | None, scores: pd.DataFrame, ranking: pd.DataFrame) -> str:
    """Return one sentence on what is submitted, then why, then a warning if the vote is clearly worse."""
    if submitted is None:
        return NOTHING
    experiment, dataset = submitted.results.experiment, submitted.results.dataset
    warning = vote_warning(ranking, dataset.fusion_split, experiment.submit)
    lines = [_sentence(submitted, scores), _reason(submitted), f"**Warning:** {warning}." if warning else ""]
    return "\n\n".join(filter(None, lines))


def _sentence(submitted: Submitted, scores: pd.DataFrame) -> str:
    results, name = submitted.results, submitted.method.name
    split, several = results.final_split, results.dataset.several
    own = scores[(scores["method"] == name) & (scores["split"] == split)].set_index("metric")
    metric = next(metric for metric in results.metrics if metric != "accuracy")
    right, f1 = (_with_interval(own.loc[column]) for column in ("accuracy", metric))
    products = f"{own.loc['accuracy', 'n']} {split} products"
    what = "whose first label is right for" if several else "right for"
    score = f"Submitted is **{name}**, {what} {right} % of the {products}, with {METRIC_NAMES[metric]} {f1}"
    return f"{'; '.join([score, *_gains(submitted, scores)])}."


def _gains(submitted: Submitted, scores: pd.DataFrame) -> list[str]:
    """Return what the method gains over the best text expert and over the best single expert."""
    results, name = submitted.results, submitted.method.name
    others: dict[str, list[str]] = {}
    for other, what in {
        "the best text expert": best_text_expert(scores),
        "the best single expert": best_expert(scores),
    }.items():
        if what is not None:
            others.setdefault(what, []).append(other)
    gains, metric = [], deciding_metric(results)
    for other, roles in others.items():
        if other == name:
            gains.append(f"it is {' and '.join(roles)}")
            continue
        gain, low, high = (100 * value for value in paired_gain(results, name, other, metric))
        points = f"{gain:+.1f} [{low:+.1f}, {high:+.1f}] points of {METRIC_NAMES[metric]}"
        gains.append(f"{points} over {' and '.join(roles)} ({other})")
    return gains


def _reason(submitted: Submitted) -> str:
    facts, learnt = submitted.facts, submitted.results.dataset.fusion_split
    experiment = submitted.results.experiment
    if facts["submit"] == "vote":
        return ""
    candidates = pd.DataFrame(facts["candidates"]).set_index("method")
    own, best, metric = candidates.loc[facts["method"]], candidates.loc[facts["best"]], METRIC_NAMES[facts["metric"]]
    score, n_equal = f"{metric} {100 * own['score']:.2f}", (~candidates["clearly_worse"]).sum()
    compared = f"in {own['compared_by']}"
    if n_equal == 1:
        why = (
            f"on {learnt} each of the {len(candidates) - 1} other methods is clearly worse than {facts['method']}, "
            f"{compared} ({score})"
        )
    else:
        why = (
            f"of {len(candidates)} methods, {n_equal} are not clearly worse than the best on {learnt}, {compared}, "
            f"and {facts['method']} is the simplest of them (complexity: {own['complexity']}; {score})"
        )
    if facts["method"] != facts["best"]:
        why += (
            f". {facts['best']} has the highest {metric} ({100 * best['score']:.2f}): the difference, "
            f"{100 * own['difference']:.2f}, is not greater than its standard error, {100 * own['standard_error']:.2f}"
        )
    others = "; other influences are listed below the table" if remaining_influences(experiment) else ""
    return (
        f"`submit: best`: {why}. These scores are out of fold. They are slightly too high, because the method was "
        f"chosen by them{others}. All methods, with their log losses, are in `scores/choice.csv`."
    )


def _with_interval(row: pd.Series) -> str:
    return f"{100 * row['value']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
