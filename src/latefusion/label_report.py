"""How well denoising did: what it flagged and removed, and on the sample, whose wrong labels are known, how rightly."""

import pandas as pd

from latefusion.config import Experiment
from latefusion.label_issues import read_label_issues
from latefusion.prepare import Prepared
from latefusion.sample.plan import LOOK_GROUPS


def describe_label_issues(experiment: Experiment, prepared: Prepared) -> str:
    """Return a paragraph in Markdown."""
    issues = read_label_issues(experiment)
    removed = issues.index[issues["removed"]]
    splits = experiment.denoise.splits
    products = prepared.part(*splits)
    checked = products.index[products["image"].notna()]
    lines = [
        f"Label issues: {len(issues)} of {len(checked)} products of {' and '.join(splits)} flagged, the first "
        f"{len(removed)} removed."
    ]
    noise = read_label_noise(experiment)
    if noise is not None:
        wrong = checked[checked.isin(noise.index)]
        lines.append(f"Known wrong labels among them: {len(wrong)} ({len(wrong) / len(checked):.1%}, which is chance).")
        lines += [
            _precision_and_recall("flagged", issues.index, wrong),
            _precision_and_recall("removed", removed, wrong),
            _by_look_group(issues.loc[removed, "given"], wrong),
        ]
    return " ".join(lines)


def read_label_noise(experiment: Experiment) -> pd.DataFrame | None:
    """Return the products whose given label is wrong as is known, on the sample alone (index: id; `given`, `true`)."""
    if experiment.sample is None:
        return None
    noise = pd.read_csv(experiment.catalogue.root / "hidden" / "label_noise.csv", dtype="str")
    return noise.set_index("Integer_id").rename_axis("id")


def _by_look_group(given: pd.Series, wrong: pd.Index) -> str:
    """Tell the precision of the removed for each of the sample's groups of classes that look alike, by given label."""
    parts = []
    for codes in LOOK_GROUPS:
        own = given.index[given.isin([str(code) for code in codes])]
        if len(own):
            parts.append(f"{'/'.join(map(str, codes))} {own.isin(wrong).sum()} of {len(own)}")
    return f"By classes that look alike, wrong of the removed: {', '.join(parts)}."


def _precision_and_recall(name: str, found: pd.Index, wrong: pd.Index) -> str:
    hits = len(found.intersection(wrong))
    return f"Of the {name}: precision {hits / max(len(found), 1):.1%}, recall {hits / max(len(wrong), 1):.1%}."
