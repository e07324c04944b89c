"""How new products differ from the labelled ones, in plain sentences.

`Profile` holds what is known of the labelled products; an exported model has it as `profile.json`. `Drift` collects the
same of new products, shard after shard, in memory that does not grow. A difference becomes a sentence only where it is
clear, which is both: not by chance (Z standard errors; ENOUGH products), and large enough to matter (LEAST). Tests of
distributions (scipy.stats, Evidently) want both samples in memory, and with many products find any difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.config import Experiment
from latefusion.predictor.manifest import reading
from latefusion.predictor.unusual import FALSE_ALARMS, Unusual, fit_text
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted, read_submitted
from latefusion.tables.dataset import Dataset
from latefusion.tables.predictions import decision_columns
from latefusion.utils.files import read_json, write_json

NAME = "profile.json"
Z = 4.0  # standard errors: with some ten comparisons, less than one report of 1,000 has a sentence by chance
ENOUGH = 50  # new products, to compare them at all
LEAST = {"known": 0.05, "unusual": 0.02, "description": 0.05, "image": 0.05, "confidence": 0.03, "class": 0.02}
RATIO = 1.5  # of text lengths; of shares of a class, or
LARGE = 0.1  # their difference
SHOWN = 3  # classes
READ, THEN_EACH = 20_000, 10  # of so many products all words are looked up, then of each tenth
ADVICE = (
    "So thresholds and scores, which come from the labelled products, may promise too much. Label 100 of the doubtful "
    "new products (the review file, from its beginning, and some of the accepted ones), add them to the catalogue, "
    "train again, and hold out the newest (split.by: time)."
)


@dataclass(frozen=True)
class Measure:
    """The number, mean and standard deviation of one measure over products; shares are means of 0 and 1."""

    n: int
    mean: float
    deviation: float


@dataclass(frozen=True)
class Profile:
    """What is known of the labelled products."""

    measures: dict[str, Measure]  # by the names of `measure_rows`, and `confidence`, `unusual`
    classes: dict[str, int]  # the number of products of each class, of several labels of those they would be given
    n_products: int  # of which they are

    def save(self, folder: Path) -> None:
        """Write `profile.json`."""
        write_json(folder / NAME, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "Profile":
        """Read what `save` wrote. Raises InputError if it is missing or damaged."""
        with reading(folder / NAME):
            content = read_json(folder / NAME)
            measures, classes = content["measures"], content["classes"]
            n_products = content.get("n_products", sum(classes.values()))  # earlier exports have one label each
            return cls({name: Measure(**one) for name, one in measures.items()}, classes, n_products)


class Sums:
    """Numbers of products, sums and sums of squares, to which shards are added; NaN is left out."""

    def __init__(self) -> None:
        self._sums: dict[str, np.ndarray] = {}

    def add(self, values: Mapping[str, np.ndarray]) -> None:
        """Add the (N,) values of each measure."""
        for name, own in values.items():
            own = own[~np.isnan(own)].astype(np.float64)
            self._sums[name] = self._sums.get(name, np.zeros(3)) + np.array([len(own), own.sum(), (own**2).sum()])

    def measures(self) -> dict[str, Measure]:
        """Return the measures of what was added; without those of which there is nothing."""
        found = {}
        for name, (n, total, squares) in self._sums.items():
            if n:
                mean = total / n
                found[name] = Measure(int(n), float(mean), float(np.sqrt(max(squares / n - mean**2, 0))))
        return found


def make_profile(
    products: pd.DataFrame, known: np.ndarray, confidence: np.ndarray, unusual: Unusual, labels: pd.Series
) -> Profile:
    """Return the profile of N labelled products (columns title, description, image).

    `known` (M,): shares of known words, of `fit_text`; `confidence` (M,): out of fold, of the submitted decisions;
    `labels` (M,): with what the labels of new products are compared (`compared_labels`).
    """
    sums = Sums()
    sums.add(measure_rows(products) | {"known": known, "confidence": confidence})
    share = FALSE_ALARMS * sum(rule is not None for rule in (unusual.text, unusual.image))  # by their definition
    alarms = {"unusual": Measure(len(products), share, float(np.sqrt(share * (1 - share))))}
    classes: dict[str, int] = {}
    _count(classes, labels.explode())
    return Profile(sums.measures() | alarms, dict(sorted(classes.items())), len(labels))


def compared_labels(submitted: Submitted) -> pd.Series:
    """Return the labels with which those that new products get are compared, by id: those of the labelled products.

    Of products with several labels, those that would be submitted for them, out of fold: a label that is rarely sure is
    assigned more rarely than products have it.
    """
    dataset = submitted.results.dataset
    if not dataset.several:
        return dataset.select("train", "valid")["label"]
    split = dataset.fusion_split
    columns = decision_columns(submitted.preds(split), submitted.probs(split), dataset.classes)
    return pd.Series(columns["label"], dataset.fusion_products.index)


def measure_rows(products: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return (N,) measures: the log of the texts' length in characters; 1 without a description, without an image."""
    lengths = sum(products[text].str.len().fillna(0).to_numpy(float) for text in ("title", "description"))
    return {
        "length": np.log(lengths, out=np.full(len(products), np.nan), where=lengths > 0),
        "description": products["description"].isna().to_numpy(float),
        "image": products["image"].isna().to_numpy(float),
    }


class Drift:
    """What is collected of new products.

    >>> drift = Drift.load(folder)                                                        # doctest: +SKIP
    >>> for rows in shards: drift.add(rows, predictor.predict(rows, images))              # doctest: +SKIP
    >>> print(drift.sentences())                                                          # doctest: +SKIP
    """

    def __init__(self, profile: Profile, unusual: Unusual):
        self.profile, self.unusual = profile, unusual
        self.n = self.n_unusual = 0
        self.classes: dict[str, int] = {}  # predicted
        self.reasons: dict[str, int] = {}  # of unusual products, without numbers; a product may have two
        self._sums = Sums()

    @classmethod
    def load(cls, folder: Path) -> "Drift":
        """Return an empty one, with the profile of an exported model."""
        return cls(Profile.load(folder), Unusual.load(folder))

    def add(self, products: pd.DataFrame, predicted: pd.DataFrame) -> None:
        """Add new products (columns title, description, image) and the table that `Predictor.predict` gives for them.

        A product whose only image could not be used (column `problem`) counts as one without.
        """
        numbers = self.n + np.arange(len(products))
        self.n += len(products)
        values = measure_rows(products) | {
            "confidence": predicted["confidence"].to_numpy(float),
            "unusual": (predicted["unusual"] != "").to_numpy(float),
        }
        has_several = products["image"].str.contains("\n", regex=False).fillna(False).to_numpy(bool)
        lost = (predicted["problem"] != "").to_numpy(bool) & ~has_several
        values["image"] = np.maximum(values["image"], lost)
        if self.unusual.text is not None:
            read = (numbers < READ) | (numbers % THEN_EACH == 0)
            known, n = self.unusual.text.count(products[read])
            values["known"] = np.divide(known, n, out=np.full(len(n), np.nan), where=n > 0)
        self._sums.add(values)
        _count(self.classes, predicted["label"].explode())
        unusual = predicted["unusual"][predicted["unusual"] != ""]
        self.n_unusual += len(unusual)
        kinds = unusual.str.replace(r"\d+ of \d+", "few", regex=True)
        _count(self.reasons, kinds.str.split("; ").explode())

    def differences(self) -> list[str]:
        """Return a sentence for each clear difference."""
        new, old = self._sums.measures(), self.profile.measures
        found = [SENTENCES[name](new[name], old[name]) for name in SENTENCES if name in new and name in old]
        return [line for line in (*found, self._classes()) if line]

    def sentences(self) -> list[str]:
        """Return a sentence for each clear difference, and then what to do; none without a clear difference."""
        lines = self.differences()
        return [*lines, ADVICE] if lines else []

    def notes(self) -> str:
        """Return the report as Markdown: the numbers that are always told, then the sentences."""
        shown = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        counts = f": {', '.join(f'{reason} ({n:,})' for reason, n in shown)}" if shown else ""
        lines = [f"- {self.n_unusual:,} of {self.n:,} products are unlike the labelled ones{counts}"]
        lines += [f"- {line}" for line in self.sentences()]
        if self.n < ENOUGH:
            lines.append(f"- Fewer than {ENOUGH} products: not compared with the labelled ones")
        elif len(lines) == 1:
            lines.append("- No clear difference from the labelled products")
        return "\n".join(["# The new products beside the labelled ones", "", *lines]) + "\n"

    def _classes(self) -> str:
        """Return the sentence about the classes whose shares differ most."""
        n_new, n_old = self.n, self.profile.n_products
        differences = []
        for label, n in self.profile.classes.items():
            new, old = (_share(self.classes.get(label, 0), n_new), _share(n, n_old))
            ratio = (new.mean * n_new + 1) / (n_new + 1) / ((n + 1) / (n_old + 1))
            is_large = abs(new.mean - old.mean) >= LARGE or not 1 / RATIO < ratio < RATIO
            if is_large and _is_clear(new, old, LEAST["class"]):
                differences.append((abs(new.mean - old.mean), label, new.mean, old.mean))
        shown = [
            f"'{label}' {_percent(new)} ({_percent(old)})"
            for _, label, new, old in sorted(differences)[: -SHOWN - 1 : -1]
        ]
        more = f" and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        return f"Other shares of the predicted classes (labelled products): {', '.join(shown)}{more}." * bool(shown)


def drift_section(experiment: Experiment, dataset: Dataset) -> str:
    """Return how the newest products, held out as test, differ from the others: a section of the report `scores.md`.

    Empty if the test split is random, or the submission is not done. Images are not looked at.
    """
    submitted = read_submitted(Results(experiment, dataset)) if experiment.split.by != "random" else None
    test, labelled = dataset.evaluation_splits["test"], dataset.select("train", "valid")
    newest = (test["split"] == "test").to_numpy()
    if submitted is None or not newest.any():
        return ""
    text, known = fit_text(labelled)
    unusual = Unusual(text, None)
    profile = make_profile(labelled, known, submitted.learnt_confidence[0], unusual, compared_labels(submitted))
    drift = Drift(profile, unusual)
    columns = decision_columns(submitted.preds("test"), submitted.probs("test"), dataset.classes)
    columns = {"label": columns["label"], "confidence": submitted.confidence("test")}
    predicted = pd.DataFrame(columns | {"unusual": text.reasons(test), "problem": ""}, test.index)
    drift.add(test[newest], predicted[newest])
    lines = drift.differences() or ["No clear difference."]
    note = (
        "The test products are the newest. Scores out of fold, and thresholds, are of older ones: for new products "
        "expect what the test scores say."
    )
    headline = "## The newest products (test), beside the older ones"
    return "\n".join([headline, "", *(f"- {line}" for line in lines), "", note])


def _count(counts: dict[str, int], values: pd.Series) -> None:
    for value, n in values.value_counts().items():
        counts[value] = counts.get(value, 0) + int(n)


def _share(count: int, n: int) -> Measure:
    mean = count / max(n, 1)
    return Measure(n, mean, float(np.sqrt(mean * (1 - mean))))


def _is_clear(new: Measure, old: Measure, least: float) -> bool:
    """Return whether two means differ by `least` or more, and by more than Z standard errors."""
    if new.n < ENOUGH:
        return False
    variance = sum((one.deviation**2 + 1 / one.n) / one.n for one in (new, old))  # + 1 / n: never none
    return abs(new.mean - old.mean) >= max(least, Z * np.sqrt(variance))


def _beside(new: Measure, old: Measure) -> str:
    return f"{_percent(new.mean)} (labelled products: {_percent(old.mean)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _known(new: Measure, old: Measure) -> str:
    is_less = new.mean < old.mean and _is_clear(new, old, LEAST["known"])
    return f"Fewer of their words are known: {_beside(new, old)}." if is_less else ""


def _length(new: Measure, old: Measure) -> str:
    if not _is_clear(new, old, np.log(RATIO)):
        return ""
    than = "longer" if new.mean > old.mean else "shorter"
    return f"Texts are {than}: typically {np.exp(new.mean):.0f} characters (labelled products: {np.exp(old.mean):.0f})."


def _without(what: str, new: Measure, old: Measure) -> str:
    return f"Without {what}: {_beside(new, old)}." if _is_clear(new, old, LEAST[what]) else ""


def _unusual(new: Measure, old: Measure) -> str:
    is_more = new.mean > old.mean and _is_clear(new, old, LEAST["unusual"])
    return f"More are unlike all labelled products (column `unusual`): {_beside(new, old)}." if is_more else ""


def _confidence(new: Measure, old: Measure) -> str:
    is_less = new.mean < old.mean and _is_clear(new, old, LEAST["confidence"])
    return f"The confidence is lower: on average {_beside(new, old)}." if is_less else ""


SENTENCES: dict[str, Callable[[Measure, Measure], str]] = {
    "known": _known,
    "length": _length,
    "description": partial(_without, "description"),
    "image": partial(_without, "image"),
    "unusual": _unusual,
    "confidence": _confidence,
}
