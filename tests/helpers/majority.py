"""An expert kind and a policy kind of a contributor: a config class each, and the functions that their rows name.

The expert gives every product the shares of the classes among the training products; the policy takes the median of
its experts' probabilities.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from latefusion.config import ExpertConfig, ExpertsPolicy
from latefusion.experts.context import Context
from latefusion.fusion.inputs import ALL, FusionInputs


class MajorityExpert(ExpertConfig):
    """Shares of the classes among the training products, each raised by `smoothing` products."""

    modality: ClassVar = "text"
    step: ClassVar = "text"

    kind: Literal["majority"]
    smoothing: int = 1


def train_majority(context: Context, name: str, expert: MajorityExpert) -> None:
    """Count the classes of the training products and write the expert's run folder."""
    dataset = context.dataset
    counts = np.bincount(dataset.targets(dataset.select("train")), minlength=len(dataset.classes))
    shares = counts + expert.smoothing
    row = (shares / shares.sum()).astype(np.float32)
    probs = {split: np.tile(row, (len(products), 1)) for split, products in dataset.evaluation_splits.items()}
    if context.accelerator.is_main_process:
        context.write_outputs(context.experiment.expert_dir(name), probs, {"counts": counts.tolist()})


class MedianPolicy(ExpertsPolicy):
    """The median of the experts' probabilities; nothing is learnt."""

    complexities: ClassVar = {"median": "rule"}

    kind: Literal["median"]


@dataclass(frozen=True)
class FittedMedian:
    """A median policy with its probabilities of the validation products."""

    inputs: FusionInputs
    oof_probs: np.ndarray  # (N, C)
    facts: dict = field(default_factory=dict)

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        probs = _median(self.inputs.calibrated(ALL, tables))
        return probs.argmax(axis=1), probs

    def save(self, run_dir: Path) -> None:
        (run_dir / "median.txt").write_text("nothing is learnt\n")


def load_median(inputs: FusionInputs, run_dir: Path, facts: dict) -> FittedMedian:
    """Return the policy: nothing is learnt."""
    return FittedMedian(inputs, inputs.tables[0])


def fit_medians(policies: list[FusionInputs]) -> list[FittedMedian]:
    """Fit policies of kind median."""
    return [FittedMedian(inputs, _median(list(inputs.tables))) for inputs in policies]


def _median(tables: list[np.ndarray]) -> np.ndarray:
    probs = np.median(np.stack(tables), axis=0)
    return (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
