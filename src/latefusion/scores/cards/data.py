"""The section about the catalogue: how many products, which classes, how they were split, what was cleaned."""

from latefusion.config import Experiment
from latefusion.dataset.duplicate_report import describe_near_duplicates
from latefusion.metrics.decisions import count_labels
from latefusion.plan.records import verified
from latefusion.scores.cards.markdown import bullets, table
from latefusion.scores.results import Results
from latefusion.tables.artifacts import read_json_object
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_choices import read_label_choices
from latefusion.tables.label_issues import read_label_issues
from latefusion.utils.nearest import plural

SPLITS = {"train": "train", "valid": "valid", "test": "test, held out", "submit": "to predict"}


def data_section(results: Results) -> str:
    """Return the section."""
    experiment, dataset = results.experiment, results.dataset
    header = ("products", "number", "without title", "without description", "without image")
    lines = [
        _classes(dataset),
        _split(experiment),
        _near_duplicates(experiment),
        _choices(experiment),
        _denoising(results),
    ]
    return "\n\n".join(["## Data", table(header, _rows(dataset)), bullets(lines)])


def _rows(dataset: Dataset) -> list[tuple[str, ...]]:
    rows = []
    for split, name in SPLITS.items():
        own = dataset.select(split)
        counts = (len(own), (own["title"] == "").sum(), own["description"].isna().sum(), own["image"].isna().sum())
        if len(own):
            rows.append((name, *(f"{count:,}" for count in counts)))
    return rows


def _classes(dataset: Dataset) -> str:
    """Return how many classes there are and how many labelled products they have, without those of the test."""
    targets = dataset.targets(dataset.select("train", "valid"))
    sizes = count_labels(targets, len(dataset.classes))
    left_out = f"; {plural(len(dataset.left_out), 'label')} of too few products left out" if dataset.left_out else ""
    line = f"{len(sizes):,} classes, with {sizes.min():,} to {sizes.max():,} products of train and valid{left_out}."
    if not dataset.several:
        return line
    n_labels = targets.sum(axis=1)
    return f"{line} Products have {n_labels.mean():.1f} labels on average, from {n_labels.min()} to {n_labels.max()}."


def _split(experiment: Experiment) -> str:
    catalogue, split = experiment.catalogue, experiment.split
    if catalogue.columns.split is not None:
        how = "by a column of the catalogue"
    elif split.by == "random":
        how = f"at random, stratified by class, seed {split.seed}"
    else:
        how = "the newest products are held out, by their time" if split.by == "time" else "the last rows are held out"
    grouped = "near-duplicates stay together" if split.grouped else "near-duplicates are not kept together"
    folds = f"; cross-fitted in {split.n_folds} folds" if split.n_folds is not None else ""
    return f"Split: {how}; {grouped}{folds}."


def _near_duplicates(experiment: Experiment) -> str:
    report = read_json_object(verified(experiment.run_root / "catalogue", "duplicates.json"))
    sizes = report["groups"]["by_either"]
    if not sizes["groups"]:
        return "Near-duplicates: none were found."
    found = f"Near-duplicates: {sizes['products']:,} products, in {plural(sizes['groups'], 'group')}"
    held_out = report["twins_in_train"][report["split"]]
    return f"{found}; {describe_near_duplicates(report, report['split'])}." if held_out else f"{found}."


def _choices(experiment: Experiment) -> str:
    n_choices = len(read_label_choices(experiment))
    return f"A person has looked at {plural(n_choices, 'label')} (kept, changed or removed)." if n_choices else ""


def _denoising(results: Results) -> str:
    """Return how many label issues were removed; of a cross-fitted experiment, in each fold."""
    experiment = results.experiment
    if experiment.denoise is None:
        return "Denoising: none; wrong labels among the training products were learnt."
    views = [view for view in experiment.folds or (experiment,) if (view.denoise_dir / "job.json").is_file()]
    removed = [int(read_label_issues(view)["removed"].sum()) for view in views]
    if not removed:
        return "Denoising: not done yet."
    where = "" if not experiment.folds else f" in the {len(removed)} folds"
    counts = ", ".join(f"{number:,}" for number in removed)
    return f"Denoising: {counts} products{where} removed for experts that train on labels without issues."
