"""The report of denoising: how many products were flagged and removed.

On the synthetic sample, whose wrong labels are known, also the precision and recall.
"""

import pandas as pd

from latefusion.catalogue.sample import read_label_noise, read_sample_facts
from latefusion.config import Denoise, Experiment
from latefusion.denoise.ranking import rank_label_issues
from latefusion.plan.records import verified
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_choices import kept_labels
from latefusion.tables.label_issues import read_label_issues
from latefusion.tables.probabilities import read_probs

# The settings of the published system.
PUBLISHED = {"rank_by": "normalized_margin", "filter_by": "prune_by_noise_rate"}


def describe_label_issues(experiment: Experiment, dataset: Dataset) -> str:
    """Return the report in Markdown; on the sample with precision and recall.

    If the config ranks or filters differently from the published system, the published settings are reported too.
    """
    issues = read_label_issues(experiment)
    splits = experiment.require_denoise().splits
    products = dataset.select(*splits)
    checked = products[products["image"].notna()]
    summary = (
        f"Label issues: {len(issues)} of {len(checked)} products of {' and '.join(splits)} flagged, the first "
        f"{issues['removed'].sum()} removed."
    )
    noise = read_label_noise(experiment)
    if noise is None:
        return summary
    wrong = checked.index[checked.index.isin(noise.index)]
    chance = (
        f"Known wrong labels among the {len(checked)} products: {len(wrong)} ({len(wrong) / len(checked):.1%}, the "
        "precision of a random choice)."
    )
    by_group = _by_look_group(
        read_sample_facts(experiment)["look_groups"], issues.loc[issues["removed"], "given"], wrong
    )
    own = f"{summary} {chance} {_quality(issues, wrong)} {by_group}"
    if not _differs_from_published(experiment.require_denoise()):
        return own
    return f"{own}\n\n{_as_published(experiment, dataset, checked, wrong)}"


def _differs_from_published(settings: Denoise) -> bool:
    return any(getattr(settings, key) != value for key, value in PUBLISHED.items())


def _as_published(experiment: Experiment, dataset: Dataset, checked: pd.DataFrame, wrong: pd.Index) -> str:
    """Return the result of the published settings on the same out-of-fold probabilities."""
    path = verified(experiment.denoise_dir, "oof_probs.parquet")
    pred_probs = read_probs(path, checked.index, dataset.classes)
    own = experiment.require_denoise()
    settings = own.model_copy(update=PUBLISHED)
    targets, kept = dataset.targets(checked), kept_labels(experiment)
    issues = rank_label_issues(checked.index, targets, pred_probs, dataset.classes, settings, kept)
    return (
        f"This config has {_named(own)}. The settings of configs/sample.yaml were chosen with a look at "
        "the known wrong labels, so their precision is too optimistic. The published settings on the same out-of-fold "
        f"probabilities ({_named(settings)}): {len(issues)} flagged, the first {issues['removed'].sum()} removed. "
        f"{_quality(issues, wrong)}"
    )


def _named(settings: Denoise) -> str:
    return ", ".join(f"{key} {getattr(settings, key)}" for key in PUBLISHED)


def _quality(issues: pd.DataFrame, wrong: pd.Index) -> str:
    removed = issues.index[issues["removed"]]
    return f"{_precision_and_recall('flagged', issues.index, wrong)} {_precision_and_recall('removed', removed, wrong)}"


def _by_look_group(look_groups: list[list[int]], given: pd.Series, wrong: pd.Index) -> str:
    """Return the precision of the removed products by group of similar-looking classes (`look_groups` of the sample).

    A product belongs to the group of its given label.
    """
    precisions = []
    for codes in look_groups:
        own = given.index[given.isin([str(code) for code in codes])]
        if len(own):
            precisions.append(f"{'/'.join(map(str, codes))} {own.isin(wrong).sum()} of {len(own)}")
    return f"Wrong labels among the removed, by group of similar-looking classes: {', '.join(precisions)}."


def _precision_and_recall(name: str, found: pd.Index, wrong: pd.Index) -> str:
    hits = len(found.intersection(wrong))
    return f"Of the {name}: precision {hits / max(len(found), 1):.1%}, recall {hits / max(len(wrong), 1):.1%}."
