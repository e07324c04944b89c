"""Gather an experiment's submitted method in one folder, `models/<experiment>/`, that predicts on another machine."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

from latefusion.config import Experiment
from latefusion.experts.context import Context
from latefusion.experts.exported import export_expert
from latefusion.fusion.raw_select import NETWORK
from latefusion.images.store import ImageStore
from latefusion.metrics.confidence import restore_calibration
from latefusion.metrics.decisions import count_labels
from latefusion.plan.records import read_record, verified
from latefusion.predictor.acceptance import save_confidence
from latefusion.predictor.card import model_card
from latefusion.predictor.drift import compared_labels, make_profile
from latefusion.predictor.manifest import Manifest, write_manifest
from latefusion.predictor.method import MethodSpec, spec_of
from latefusion.predictor.missing import READERS, fit_reduced
from latefusion.predictor.unusual import Unusual, fit_image, fit_text, reads
from latefusion.scores.automation import learnt_thresholds
from latefusion.scores.cards.experiment import public_config
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted, read_submitted
from latefusion.tables.dataset import Dataset, read_dataset
from latefusion.tables.predictions import separator_of
from latefusion.utils.environment import run_environment
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.files import atomic_write, usual_mode, write_text, write_yaml

logger = logging.getLogger(__name__)


def export_model(experiment: Experiment, folder: Path) -> None:
    """Write the submitted method, and what it needs to predict new products, to a folder, which must not exist.

    Raises StepError if the submission is not done, InputError if there is such a folder already.
    """
    if folder.exists():
        raise InputError(f"{folder} exists: remove it, or choose another folder with --out")
    dataset = read_dataset(experiment)
    results = Results(experiment, dataset)
    submitted = read_submitted(results)
    if submitted is None:
        raise StepError("the submission is not done: run {step} first", "vote")
    spec = spec_of(results, submitted.method, restore_calibration(submitted.facts["calibration"]))
    spec = replace(spec, label_thresholds=_label_thresholds(submitted.facts, dataset.classes))
    context = Context(experiment)
    with atomic_write(folder) as partial:
        partial.mkdir()
        write_yaml(partial / "config.yaml", public_config(experiment))
        for name in spec.experts(experiment):
            logger.info("exporting the expert %s", name)
            export_expert(context, name, partial / "experts" / name)
        for name in spec.policies:
            _copy_policy(experiment.policy_dir(name), partial / "policies" / name)
        reduced = {missing: fit_reduced(results, spec, missing, partial) for missing in READERS}
        unusual = _describe_products(experiment, dataset, submitted, spec, partial)
        write_text(partial / "README.md", model_card(results, submitted, spec, unusual))
        _allow_reading(partial)
        write_manifest(
            partial,
            Manifest(
                experiment=experiment.name,
                classes=dataset.classes,
                method=spec,
                reduced={missing: one for missing, one in reduced.items() if one is not None},
                frequencies=_frequencies(dataset),
                automation=learnt_thresholds(submitted),
                scores={key: value for key, value in submitted.facts.items() if isinstance(value, float)},
                environment=run_environment(),
                files={},
                labels=experiment.catalogue.labels,
                separator=_separator(experiment, dataset),
                expert_thresholds=_expert_thresholds(results, spec),
            ),
        )
    logger.info("%s: %s, in %s", experiment.name, spec.name, folder)


def _describe_products(
    experiment: Experiment, dataset: Dataset, submitted: Submitted, spec: MethodSpec, folder: Path
) -> Unusual:
    """Write what the labelled products are like: to flag others, to compare new ones with them, and for thresholds."""
    labelled, read = dataset.select("train", "valid"), reads(spec.readers(experiment).values())
    text, known = fit_text(labelled)
    images = ImageStore(labelled, experiment.catalogue.root) if "image" in read else None
    unusual = Unusual(text if "text" in read else None, fit_image(labelled, images) if images else None)
    unusual.save(folder)
    confidence, right = submitted.learnt_confidence
    save_confidence(folder, confidence, right)
    make_profile(labelled, known, confidence, unusual, compared_labels(submitted)).save(folder)
    return unusual


def _allow_reading(folder: Path) -> None:
    """Give all files the permissions that new files have."""
    mode = usual_mode(folder / "new")
    (folder / "new").unlink()
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)


def _frequencies(dataset: Dataset) -> list[float]:
    """Return the shares of all labelled products, that are not held out for the test, with each label."""
    targets = dataset.targets(dataset.select("train", "valid"))
    return (count_labels(targets, len(dataset.classes)) / len(targets)).tolist()


def _separator(experiment: Experiment, dataset: Dataset) -> str | None:
    """Return what separates several labels in one text, None for one label."""
    return separator_of(dataset.classes, experiment.catalogue.label_separator) if dataset.several else None


def _expert_thresholds(results: Results, spec: MethodSpec) -> dict[str, list[float]]:
    """Return the learnt thresholds of several labels of each expert; none where they are a half."""
    learnt = {name: results.label_thresholds(results.method(name)) for name in spec.experts(results.experiment)}
    return {name: thresholds.final.tolist() for name, thresholds in learnt.items() if thresholds is not None}


def _label_thresholds(facts: dict, classes: list[str]) -> tuple[float, ...] | None:
    """Return the (C,) learnt thresholds of several labels that the submission has, None if it has none."""
    by_class = facts.get("label_thresholds")
    return None if by_class is None else tuple(by_class[name] for name in classes)


def _copy_policy(run_dir: Path, folder: Path) -> None:
    """Copy what a policy has learnt: its facts and, if it has any, its weights; also those of policies that it asks.

    And a network of its own.
    """
    for name in read_record(run_dir)["files"]:
        if Path(name).name in ("metrics.json", "model.safetensors") or Path(name).parts[0] == NETWORK:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(verified(run_dir, name), folder / name)
