"""How well denoising did: what it flagged and removed, and on the sample, whose wrong labels are known, how rightly."""

import pandas as pd

from latefusion.config import Experiment
from latefusion.prepare import Prepared


def describe_label_issues(experiment: Experiment, prepared: Prepared) -> str:
    """Return a paragraph in Markdown."""
    issues = pd.read_parquet(experiment.run_root / "denoise" / "label_issues.parquet")
    train = prepared.part("train")
    checked = train.index[train["image"].notna()]
    removed = issues.index[issues["removed"]]
    lines = [
        f"Label issues: {len(issues)} of {len(checked)} training products flagged, the first {len(removed)} removed."
    ]
    if experiment.sample is not None:
        noise = pd.read_csv(experiment.catalogue.root / "hidden" / "label_noise.csv", dtype="str")
        wrong = checked[checked.isin(noise["Integer_id"])]
        lines.append(f"Known wrong labels among them: {len(wrong)} ({len(wrong) / len(checked):.1%}, which is chance).")
        lines += [
            _precision_and_recall("flagged", issues.index, wrong),
            _precision_and_recall("removed", removed, wrong),
        ]
    return " ".join(lines)


def _precision_and_recall(name: str, found: pd.Index, wrong: pd.Index) -> str:
    hits = len(found.intersection(wrong))
    return f"Of the {name}: precision {hits / max(len(found), 1):.1%}, recall {hits / max(len(wrong), 1):.1%}."
