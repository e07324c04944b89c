"""Cost-aware selection: cheap experts decide on all products, a dearer policy only where it is expected to help.

Zahavy et al. 2016 note that decision-level fusion needs the image network only for some products, but their policy
reads it for all. Here a gate (`gate`) reads the probabilities of the cheap experts alone. It learns the gain of asking:
how much better the decision of `then` on a product is than that of `first`. Of one label this is 1 if only `then` is
right, -1 if only `first` is. Of several labels it is the difference of the F1 of the product's set of labels, or if
methods are chosen by accuracy, that of their first labels being right.

A product's `ask` is the share of labelled products with lower scores; it is asked for if `ask` is at least
1 - image_share. So a share of 1 gives exactly what `then` gives, a share of 0 what `first` gives.

Scores are out of fold: the gate of a fold is fitted on the gains of the other folds, and these are gains of decisions
that were learnt without this fold. So `first` and `then` are fitted once more for each fold, on the others, in folds.
A product is compared with those of its own fold, whose scores come from the same gate and from no label of the fold.
New products are compared with the labelled ones by the gate that is fitted on all: scores of different gates are not
comparable, since one may be higher than another on all products.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from safetensors.numpy import load_file

from latefusion.config import OnDemandPolicy, PolicyConfig
from latefusion.fusion.asked import Asked
from latefusion.fusion.deciding import Read, decide
from latefusion.fusion.gate import Cheap, Gate
from latefusion.fusion.inputs import FusionInputs
from latefusion.metrics.decisions import HALF, is_right
from latefusion.metrics.decisions import decide as decide_labels
from latefusion.metrics.label_thresholds import LabelThresholds
from latefusion.utils.arrays import save_arrays

if TYPE_CHECKING:  # it imports this module
    from latefusion.fusion.kinds import FittedPolicy

PARTS = ("first", "then")
MOST_QUANTILES = 1000  # of the scores of labelled products, which are kept to decide on others


@dataclass(frozen=True)
class Part:
    """`first` or `then`: a fitted policy, or an expert, with its out-of-fold probabilities.

    `selected_probs`: of policies that have them (see `kinds.FittedPolicy`). `oof_preds`: the decisions out of fold, as
    the part itself is scored; None: as `oof_probs` say. `thresholds`: the (C,) by which several labels are decided of
    other products; None: a half.
    """

    oof_probs: np.ndarray
    fitted: "FittedPolicy | None"  # None: an expert
    selected_probs: np.ndarray | None = None
    oof_preds: np.ndarray | None = None
    thresholds: np.ndarray | None = None

    def decide(self, tables: tuple[np.ndarray, ...], *, several: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and (N, C) probabilities, from the tables of its experts."""
        preds, probs = (None, tables[0]) if self.fitted is None else decide(self.fitted, tables)
        if preds is not None and self.thresholds is None:
            return preds, probs
        thresholds = HALF if self.thresholds is None else self.thresholds
        return decide_labels(probs, several=several, thresholds=thresholds), probs


@dataclass(frozen=True)
class FittedOnDemand:
    """The gate for other products, both parts, and what was asked for out of fold."""

    inputs: FusionInputs[OnDemandPolicy]
    first: Part
    then: Part
    gate: Gate
    quantiles: np.ndarray  # (Q,) of the scores of labelled products, in ascending order
    oof_asked: Asked

    @property
    def facts(self) -> dict:
        """The share of products that were asked for, and if learnt, both parts' thresholds of several labels."""
        asked = self.oof_asked.asked[self.inputs.known]
        facts: dict = {"share_asked": float(asked.mean()) if len(asked) else 0.0}
        parts = dict(zip(PARTS, (self.first, self.then), strict=True))
        learnt = {name: part.thresholds.tolist() for name, part in parts.items() if part.thresholds is not None}
        return facts | ({"thresholds_of_parts": learnt} if learnt else {})

    @property
    def oof_probs(self) -> np.ndarray:
        return np.where(self.oof_asked.asked[:, None], self.then.oof_probs, self.first.oof_probs)

    @property
    def oof_preds(self) -> np.ndarray | None:
        """The out-of-fold decisions of the part that decides; None where a part has none but by its probabilities."""
        first, then, asked = self.first.oof_preds, self.then.oof_preds, self.oof_asked.asked
        if first is None or then is None:
            return None
        return np.where(asked if first.ndim == 1 else asked[:, None], then, first)

    @property
    def selected_probs(self) -> np.ndarray | None:
        first, then = self.first, self.then
        if first.selected_probs is None and then.selected_probs is None:
            return None
        first_probs, then_probs = (
            part.oof_probs if part.selected_probs is None else part.selected_probs for part in (first, then)
        )
        return np.where(self.oof_asked.asked[:, None], then_probs, first_probs)

    def save(self, run_dir: Path) -> None:
        """Write the gate to `model.safetensors`, and each part that is a policy to a folder of its own."""
        from latefusion.fusion.training import save_policy

        save_arrays(asdict(self.gate) | {"quantiles": self.quantiles}, run_dir / "model.safetensors")
        for name, part in zip(PARTS, (self.first, self.then), strict=True):
            if part.fitted is not None:
                save_policy(part.fitted, run_dir / name)

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and (N, C) probabilities for products, from all experts' (N, C) tables."""
        by_expert = dict(zip(self.inputs.policy.experts, tables, strict=True))
        return self.decide_rows(lambda expert, rows: by_expert[expert][rows], len(tables[0]))

    def decide_rows(self, read: Read, n: int, image_share: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and (N, C) probabilities for N products, whose dear experts are read where asked for."""
        policy, several, rows = self.inputs.policy, self.inputs.several, np.arange(n)
        cheap = {name: read(name, rows) for name in policy.cheap}
        preds, probs = self.first.decide(tuple(cheap.values()), several=several)
        asked = np.flatnonzero(self._asked(tuple(cheap.values()), image_share).asked)
        if not len(asked):
            return preds, probs
        tables = (cheap[name][asked] if name in cheap else read(name, asked) for name in policy.parts[1].experts)
        preds, probs = preds.copy(), probs.copy()
        preds[asked], probs[asked] = self.then.decide(tuple(tables), several=several)
        return preds, probs

    def asked(self, tables: tuple[np.ndarray, ...]) -> Asked:
        """Return for which products `then` is asked for, from all experts' (N, C) tables."""
        return self._asked(tables[: len(self.inputs.policy.cheap)], None)

    def _asked(self, cheap: tuple[np.ndarray, ...], image_share: float | None) -> Asked:
        scores = self.gate.scores(Cheap.of(cheap, several=self.inputs.several))
        share = self.inputs.policy.image_share if image_share is None else image_share
        return _asked(_position(scores, self.quantiles), share)


def load_on_demand(inputs: FusionInputs[OnDemandPolicy], run_dir: Path, facts: dict) -> FittedOnDemand:
    """Return the policy that is in `run_dir`; of `facts` only `thresholds_of_parts` are used."""
    from latefusion.fusion.training import load_policy

    learnt = {name: np.array(values) for name, values in facts.get("thresholds_of_parts", {}).items()}

    def load(name: str, policy: PolicyConfig | None) -> Part:
        nothing, folder = inputs.tables[0], run_dir / name
        fitted = None if policy is None else load_policy(policy, inputs.num_classes, folder, several=inputs.several)
        return Part(nothing, fitted, thresholds=learnt.get(name))

    first, then = map(load, PARTS, inputs.policy.parts)
    arrays = load_file(run_dir / "model.safetensors")
    quantiles = arrays.pop("quantiles")
    return FittedOnDemand(inputs, first, then, Gate(**arrays), quantiles, Asked.nothing())


FitAll: TypeAlias = "Callable[[Sequence[FusionInputs]], Sequence[FittedPolicy]]"  # policies of one kind


def fit_on_demand(inputs: FusionInputs[OnDemandPolicy], fit_all: FitAll) -> FittedOnDemand:
    """Fit a gate for each fold, and one on all; also the parts, unless they are among the inputs' `members`."""
    first, then = inputs.members or (_fit_part(inputs, policy, fit_all) for policy in inputs.policy.parts)
    folds, n_folds = inputs.folds, inputs.policy.n_folds
    inner = [inputs.without(fold) for fold in range(n_folds)]
    first_qualities, then_qualities = (_inner_qualities(inner, policy, fit_all) for policy in inputs.policy.parts)
    cheap, ask = _cheap(inputs, inputs.tables), np.empty(len(folds))
    for fold, own in enumerate(inner):
        held_out = np.flatnonzero(folds == fold)
        scores = _fit_gate(own, then_qualities[fold] - first_qualities[fold]).scores(cheap.at(held_out))
        ask[held_out] = _ranks(scores, inputs.known[held_out], fold / n_folds)
    gate = _fit_gate(inputs, _qualities(inputs, then.oof_probs) - _qualities(inputs, first.oof_probs))
    known = gate.scores(cheap.at(np.flatnonzero(inputs.known)))
    quantiles = np.quantile(known, np.linspace(0, 1, min(len(known), MOST_QUANTILES)))
    return FittedOnDemand(inputs, first, then, gate, quantiles, _asked(ask, inputs.policy.image_share))


def _fit_part(inputs: FusionInputs[OnDemandPolicy], policy: PolicyConfig | None, fit_all: FitAll) -> Part:
    if policy is None:
        return Part(inputs.tables[0], None)
    fitted = fit_all([inputs.of(policy)])[0]
    return Part(fitted.oof_probs, fitted, getattr(fitted, "selected_probs", None))


def _inner_qualities(
    inner: list[FusionInputs[OnDemandPolicy]], policy: PolicyConfig | None, fit_all: FitAll
) -> list[np.ndarray]:
    """Return for each fold (N,) the qualities of decisions that are learnt without its labels, in the other folds."""
    if policy is None:
        return [_qualities(one, one.tables[0]) for one in inner]
    # One after another: the probabilities of all together would take much memory.
    return [_qualities(one, fit_all([one.of(policy)])[0].oof_probs) for one in inner]


def _qualities(inputs: FusionInputs, probs: np.ndarray) -> np.ndarray:
    """Return (N,): how good the decisions for (N, C) probabilities are, 0 to 1."""
    if not inputs.several or inputs.metric == "accuracy":
        return is_right(inputs.targets, decide_labels(probs, several=inputs.several)).astype(np.float64)
    if inputs.label_thresholds == "half":
        preds = decide_labels(probs, several=True)
    else:
        how, known = inputs.label_thresholds, (probs, inputs.targets, inputs.folds)
        preds = LabelThresholds.learn(how, *known, metric=inputs.metric).decide(probs)
    assigned, labelled = preds > 0, inputs.targets > 0
    correct = (assigned & labelled).sum(axis=1)
    return 2 * correct / (assigned.sum(axis=1) + labelled.sum(axis=1))


def _cheap(inputs: FusionInputs[OnDemandPolicy], tables: tuple[np.ndarray, ...]) -> Cheap:
    return Cheap.of(tables[: len(inputs.policy.cheap)], several=inputs.several)


def _fit_gate(inputs: FusionInputs[OnDemandPolicy], gains: np.ndarray) -> Gate:
    """Fit a gate on the (N,) gains of the products whose labels count."""
    rows = np.flatnonzero(inputs.known)
    return Gate.fit(_cheap(inputs, inputs.tables).at(rows), gains[rows], inputs.folds[rows], inputs.num_classes)


def _ranks(scores: np.ndarray, known: np.ndarray, offset: float) -> np.ndarray:
    """Return (N,), from 0 to below 1: the position of each score among those of the products whose labels count.

    Equal scores of these products get positions one after another, so that any share of them can be asked for. The
    `offset` of each fold, from 0 to below 1, puts its positions between those of the others.
    """
    reference = np.sort(scores[known])
    positions = _position(scores, reference)
    rows = np.flatnonzero(known)
    positions[rows[np.argsort(scores[rows], kind="stable")]] = (np.arange(len(rows)) + offset) / max(len(rows), 1)
    return positions


def _position(scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return (N,), between 0 and 1: the share of the sorted reference scores that are lower; equal ones count half."""
    lower, upper = (np.searchsorted(reference, scores, side=side) for side in ("left", "right"))
    return ((lower + upper) / 2 + 0.5) / (len(reference) + 1)


def _asked(ask: np.ndarray, share: float) -> Asked:
    return Asked(ask, ask >= 1 - share)
