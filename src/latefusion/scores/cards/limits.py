"""The section about limits: what the scores do not say, and what was never tried."""

import numpy as np

from latefusion.metrics.decisions import count_labels
from latefusion.metrics.f1 import count
from latefusion.scores.cards.markdown import bullets, escape, percent
from latefusion.scores.notes import remaining_influences
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted
from latefusion.utils.nearest import plural

FEW = 10  # labelled products of a class
WEAKEST = 5  # classes that are named
LONGEST = 60  # characters of a class that are shown


def limits_section(results: Results, submitted: Submitted | None, more: list[str] | None = None) -> str:
    """Return the section; `more` are further lines."""
    lines = [
        "Scores hold for products like those of the catalogue. Classes that were not in it are never predicted.",
        _few(results),
        "" if submitted is None else _weakest(submitted),
        _test(results),
        _duplicates(results),
        "Labels count as they are in the catalogue: a wrong label of a scored product counts against a right decision.",
        "Other languages, other kinds of images and other shops than those of the catalogue were not tried.",
        "The intervals are those of the products that were drawn. They do not cover how scores vary with the seeds.",
        *(
            f"On {results.dataset.fusion_split} a label can influence the decision on its own product: {one}."
            for one in remaining_influences(results.experiment)
        ),
        *(more or []),
    ]
    return f"## Limits\n\n{bullets(lines)}"


def _few(results: Results) -> str:
    dataset = results.dataset
    sizes = count_labels(dataset.targets(dataset.select("train", "valid")), len(dataset.classes))
    n_few = int((sizes < FEW).sum())
    of_them = plural(n_few, "class has", "classes have")
    return f"{of_them} fewer than {FEW} labelled products to learn from." if n_few else ""


def _weakest(submitted: Submitted) -> str:
    """Return the classes with the lowest F1 on the final split, of those that have a labelled product there."""
    results, split = submitted.results, submitted.results.final_split
    classes = results.dataset.classes
    counts = count(results.targets[split], submitted.preds(split), len(classes))
    labelled, f1 = counts.labelled[0], counts.f1()[0]
    order = [number for number in np.argsort(f1, kind="stable") if labelled[number] and f1[number] < 1][:WEAKEST]
    if not order:
        return ""
    shown = (
        f"{escape(classes[number][:LONGEST])} ({percent(f1[number])}, of {plural(int(labelled[number]), 'product')})"
        for number in order
    )
    return f"Lowest F1 on {split}, in percent: {', '.join(shown)}."


def _test(results: Results) -> str:
    experiment, split = results.experiment, results.final_split
    if split != "test":
        return (
            f"No label of a test product is known: the scores are those of {split} products, out of fold, by which the "
            "method was chosen too. On other products they are probably lower."
        )
    if (
        experiment.catalogue.columns.split is None
        and experiment.split.by == "random"
        and experiment.split.test_fraction
    ):
        return "Test products were drawn at random, so newer products than those of the training were not tried."
    return ""


def _duplicates(results: Results) -> str:
    if results.experiment.split.grouped:
        return ""
    return (
        "Near-duplicates of training products may be among the scored ones (see Data), whose scores are then too high."
    )
