"""Put the report together: the template, its style and scripts, the values of the charts, and the lists of products.

The charts are drawn in the browser by Observable Plot on D3 (ISC licence, `page/vendor/`, embedded: 0.5 MB of the
file). A kept library, because scales, axes, labels and tips are what hand-made charts get wrong; this one, because it
draws SVG whose colours are CSS variables (light and dark without drawing twice), fits any width, and is small: Plotly
alone takes 4.5 MB, Bokeh 1 MB and a canvas that no style sheet reaches. Below each chart is its table, for those who
cannot see or hover, and without JavaScript.

What comes from users (titles, labels, ids) is text for Jinja2, which escapes it in the page, and for JSON in a script
element, which it escapes too; the scripts set it as text and never as markup. The page forbids itself every request by
its content security policy.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from latefusion.metrics.decisions import first_labels
from latefusion.metrics.f1 import METRIC_NAMES
from latefusion.report import charts, curves
from latefusion.report.chart_tables import chart_tables
from latefusion.report.facts import Tables, headline_facts
from latefusion.report.issues import describe_issues
from latefusion.report.products import describe_mistakes
from latefusion.report.thumbnails import draw_thumbnails
from latefusion.scores.automation import SETS
from latefusion.scores.choice import deciding_metric
from latefusion.scores.notes import SEVERAL_LABELS, methods_note, sample_note
from latefusion.scores.results import Method, Results
from latefusion.scores.submitted import Submitted
from latefusion.scores.tables import best_text_expert
from latefusion.tables.label_choices import read_label_choices

PAGE = Path(__file__).parent / "page"
SPLITS = {"test": "test", "valid": "validation", "oof": "out-of-fold"}


def report_page(results: Results, submitted: Submitted | None, tables: Tables) -> str:
    """Return the report as HTML. `tables` are the score tables by name, see `scores`."""
    data = _data(results, submitted, tables)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            data=data,
            tables=chart_tables(data),
            facts=headline_facts(submitted, tables),
            notes=[note for note in _notes(results, tables["scores"]) if note],
        )
    )


def _notes(results: Results, scores: pd.DataFrame) -> tuple[str, ...]:
    several = SEVERAL_LABELS if results.dataset.several else ""
    return sample_note(results.experiment), several, methods_note(results, scores)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    environment.globals["file"] = lambda name: Markup((PAGE / name).read_text(encoding="utf-8"))
    return environment


def _data(results: Results, submitted: Submitted | None, tables: Tables) -> dict:
    """Return what the scripts of the page read, all of it plain values."""
    experiment, dataset, split = results.experiment, results.dataset, results.final_split
    method = _shown_method(results, submitted, tables["scores"])
    methods = _compared(results, submitted, tables["scores"])
    preds = results.preds(method, split)
    mistakes, n_mistakes = describe_mistakes(results, method, _confidence(results, submitted, method, split))
    issues, n_issues = describe_issues(results, method, _learnt_probs(results, submitted, method))
    images = dataset.products["image"]
    choices = read_label_choices(experiment)
    return {
        "name": experiment.name,
        "several": dataset.several,
        "classes": dataset.classes,
        "split": split,
        "splits": {name: SPLITS[name] for name in results.splits},
        "metric": deciding_metric(results),
        "metrics": {name: METRIC_NAMES[name] for name in dict.fromkeys(tables["scores"]["metric"])},
        "method": method.name,
        "methods": methods,
        "experts": [{"name": expert.name, "kind": expert.kind} for expert in results.experts],
        "scores": charts.score_rows(results, tables["scores"], submitted),
        "gains": charts.gain_rows(tables["comparisons"], submitted),
        "class_scores": charts.class_rows(results, tables["classes"], methods),
        "confusion": charts.confusion(results, preds) if preds.ndim == 1 else None,
        "missed": charts.missed_labels(results.targets[split], preds) if preds.ndim == 2 else [],
        "pairs": charts.pair_rows(results, tables["pairs"]),
        "disagreement": charts.disagreement(results, methods),
        "calibration": curves.calibration_curves(submitted) if submitted else [],
        "errors_of_calibration": _calibration_errors(tables["calibration"], split) if submitted else None,
        "coverage": curves.coverage_curve(submitted) if submitted else [],
        "targets": _targets(tables["automation"], split),
        "agreement": charts.agreement(results),
        "training": curves.training_curves(results),
        "mistakes": mistakes,
        "n_mistakes": n_mistakes,
        "issues": issues,
        "n_issues": n_issues,
        "images": draw_thumbnails(experiment.catalogue.root, images, _in_turn(mistakes, issues)),
        "choices": [[id_, row["action"], row["label"]] for id_, row in choices.iterrows()],
    }


def _shown_method(results: Results, submitted: Submitted | None, scores: pd.DataFrame) -> Method:
    """Return the submitted method; without one, that of the highest score out of fold."""
    return submitted.method if submitted else results.method(_best(results, scores, scores["kind"].unique().tolist()))


def _best(results: Results, scores: pd.DataFrame, kinds: list[str]) -> str:
    """Return the method of these kinds with the highest score on `fusion_split`; the test has no influence."""
    own = scores[(scores["split"] == results.dataset.fusion_split) & (scores["metric"] == deciding_metric(results))]
    own = own[own["kind"].isin(kinds)]
    return own.loc[own["value"].idxmax(), "method"]


def _compared(results: Results, submitted: Submitted | None, scores: pd.DataFrame) -> dict[str, str]:
    """Return the names of the best text expert, the best image expert and the submitted method, where there are any."""
    has_images = any(expert.kind == "image" for expert in results.experts)
    names = {
        "text": best_text_expert(scores),
        "image": _best(results, scores, ["image"]) if has_images else None,
        "submitted": submitted.method.name if submitted else None,
    }
    return {what: name for what, name in names.items() if name is not None}


def _confidence(results: Results, submitted: Submitted | None, method: Method, split: str) -> np.ndarray:
    """Return the (N,) confidences of a method's decisions, calibrated if it is submitted."""
    if submitted:
        return submitted.confidence(split)
    probs, preds = results.probs(method, split), first_labels(results.preds(method, split))
    return probs[np.arange(len(preds)), preds].astype(float)


def _learnt_probs(results: Results, submitted: Submitted | None, method: Method) -> np.ndarray:
    """Return a method's (N, C) probabilities out of fold, calibrated if it is submitted."""
    learnt = results.dataset.fusion_split
    return submitted.probs(learnt) if submitted else results.probs(method, learnt)


def _calibration_errors(calibration: pd.DataFrame, split: str) -> list[str] | None:
    """Return the submitted method's expected calibration error before and after its calibration, in percent."""
    own = calibration[(calibration["split"] == split) & (calibration["kind"] == "submission")]
    return None if own.empty else [charts.percent(own.iloc[0][key]) for key in ("ece", "ece_tempered")]


def _targets(automation: pd.DataFrame, split: str) -> list[dict]:
    """Return the thresholds of the targets that are reached, and what they give on a split."""
    own = automation[(automation["split"] == split) & automation["threshold"].notna() & (automation["accepted"] > 0)]
    keys = [name for name in ("target", "threshold", "share", "right", *SETS) if name in own]
    return [{key: charts.share(row[key]) for key in keys} | {"n": int(row["accepted"])} for _, row in own.iterrows()]


def _in_turn(*lists: list[dict]) -> list[str]:
    """Return the ids of products in turn: the first of each list, then the second of each, and so on."""
    longest = max(map(len, lists))
    return [products[number]["id"] for number in range(longest) for products in lists if number < len(products)]
