"""The score table: every expert, every policy and the vote, on validation and test products.

Writes `weights/<experiment>/scores.csv` (method, kind, split, metric, value, n) and, laid out as the paper's Table 1,
`submissions/<experiment>/scores.md`. Validation rows of policies are out of fold. `test` is every product that nobody
trained or chose on and whose label is known: the held-out share, and the test set where its labels are given.
"""

import io

import numpy as np
import pandas as pd

from latefusion.catalogue import read_test_labels
from latefusion.config import Experiment
from latefusion.files import write_text
from latefusion.fusion.decisions import read_decisions
from latefusion.jobs import plan
from latefusion.label_report import describe_label_issues
from latefusion.metrics import METRICS
from latefusion.prepare import Prepared
from latefusion.probs import read_probs

GROUPS = {  # kind -> the paper's name for it
    "image": "Uni-image classifier",
    "text": "Uni-text classifier",
    "joint": "Feature-level fusion",
    "policy": "Decision-level fusion",
    "vote": "Ensemble",
}


def write_scores(experiment: Experiment, prepared: Prepared) -> str:
    """Score every job that is done and return the table as text."""
    done = {name for name, job in plan(experiment).items() if job.state() == "done"}
    scores = score_all(experiment, prepared, done)
    buffer = io.StringIO()
    scores.to_csv(buffer, index=False)
    write_text(experiment.run_root / "scores.csv", buffer.getvalue())
    page = render(experiment, scores)
    if "denoise" in done:
        page += f"\n{describe_label_issues(experiment, prepared)}\n"
    write_text(experiment.submission_dir / "scores.md", page)
    return page


def score_all(experiment: Experiment, prepared: Prepared, done: set[str]) -> pd.DataFrame:
    """Return one row for each method that is done, split and metric."""
    targets = known_targets(experiment, prepared)
    rows = []
    for method, kind in methods(experiment, done):
        for part, wanted in targets.items():
            known = wanted >= 0
            if not known.any():
                continue
            preds = _preds(experiment, prepared, method, kind, part)
            for metric, function in METRICS.items():
                rows.append((method, kind, part, metric, function(wanted[known], preds[known]), int(known.sum())))
    return pd.DataFrame(rows, columns=["method", "kind", "split", "metric", "value", "n"])


def methods(experiment: Experiment, done: set[str]) -> list[tuple[str, str]]:
    """Return (name, kind) of all that is done, in the paper's order."""
    experts = [(name, experiment.modality(name)) for name in experiment.experts]
    policies = [(name, "policy") for name in experiment.policies]
    order = list(GROUPS)
    scored = [method for method in (*experts, *policies, ("vote", "vote")) if method[0] in done]
    return sorted(scored, key=lambda method: order.index(method[1]))


def known_targets(experiment: Experiment, prepared: Prepared) -> dict[str, np.ndarray]:
    """Return for each part the (N,) class numbers, -1 where the label is not known."""
    test_labels = read_test_labels(experiment.catalogue, prepared.products)
    targets = {}
    for part, products in prepared.evaluation_parts.items():
        labels = products["label"].fillna(test_labels.reindex(products.index))
        targets[part] = prepared.targets(products.assign(label=labels))
    return targets


def _preds(experiment: Experiment, prepared: Prepared, method: str, kind: str, part: str) -> np.ndarray:
    run_dir = experiment.run_root / method
    if kind in ("policy", "vote"):
        return read_decisions(run_dir, part, prepared)[0]
    ids = prepared.evaluation_parts[part].index
    return read_probs(run_dir / f"{part}_probs.parquet", ids, prepared.classes).argmax(axis=1)


def render(experiment: Experiment, scores: pd.DataFrame) -> str:
    """Return the table in Markdown: macro-F1 on both splits, weighted F1 and accuracy on test, in percent."""
    columns = [("valid", "macro_f1"), ("test", "macro_f1"), ("test", "weighted_f1"), ("test", "accuracy")]
    cells = scores.set_index(["method", "split", "metric"])["value"]
    rows = [("", "method", *(f"{split} {metric}" for split, metric in columns))]
    kinds = scores.drop_duplicates("method").set_index("method")["kind"]
    for method, kind in kinds.items():
        group = GROUPS[kind] if kinds[kinds == kind].index[0] == method else ""
        rows.append((group, method, *(_percent(cells.get((method, *column))) for column in columns)))
    members = scores[scores["method"].isin(experiment.vote_members)]
    means = members.groupby(["split", "metric"])["value"].mean()
    rows.append(("", "(mean of the vote's members)", *(_percent(means.get(column)) for column in columns)))
    sizes = scores.drop_duplicates("split").set_index("split")["n"]
    about = ", ".join(f"{split}: {n} products" for split, n in sizes.items())
    notes = f"In percent. {about}. Epochs were chosen on valid; nobody trained or chose on test."
    return f"# {experiment.name}\n\n{_about_sample(experiment)}{_markdown(rows)}\n\n{notes}\n"


def _about_sample(experiment: Experiment) -> str:
    return "" if experiment.sample is None else "Synthetic sample catalogue, drawn by the project.\n\n"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _markdown(rows: list[tuple[str, ...]]) -> str:
    """Lay the rows out as a Markdown table that is also pleasant on a screen; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
