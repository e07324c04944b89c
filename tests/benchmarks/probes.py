"""Linear probes: cross-validation of their options on a prepared catalogue, and the time of a fit.

    python tests/benchmarks/probes.py --config configs/catalogue.yaml --set catalogue.root=data/mine
    python tests/benchmarks/probes.py --times

The catalogue must be prepared (`src/01_prepare.py` with the same arguments). The config's first text probe and image
probe are fitted with other options, on its labelled products without those of the test split: accuracy and log loss out
of fold, means over three assignments to five folds. Features go to `weights/features/`, as in a run.
"""

import argparse
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from latefusion.config import DEFAULT_CONFIG, ImageProbe, Probe, TextProbe, load_experiment
from latefusion.dataset.split import assign_folds, groups_of
from latefusion.experts.context import Context
from latefusion.experts.probe.classifier import fit_classifier
from latefusion.experts.probe.features import read_features
from latefusion.experts.probe.image import image_views
from latefusion.experts.probe.text import text_view

N_FOLDS, SEEDS = 5, (0, 1, 2)
TEXT_OPTIONS = [
    {"max_length": 64}, {"max_length": 128}, {"max_length": 256}, {"max_length": 256, "pooling": "published"},
    {"max_length": 256, "standardise": False, "regularisation": (0.01, 0.1, 1.0, 10.0, 100.0)},
]  # fmt: skip
IMAGE_OPTIONS = [
    {"sizes": (224,)}, {"sizes": (288,)}, {"sizes": (384,)}, {"sizes": (224,), "flip": True}, {"sizes": (224, 288)},
    {"sizes": (224, 288), "flip": True}, {"sizes": (224, 384)}, {"sizes": (224, 288, 384)},
    {"sizes": (224, 288), "standardise": False, "regularisation": (0.01, 0.1, 1.0, 10.0, 100.0)},
]  # fmt: skip
SHAPES = [(750, 1280, 7), (750, 1280, 120), (4000, 384, 30), (4000, 1280, 100)]  # products, features, classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--times", action="store_true", help="only the time of a fit, on made-up features")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if args.times:
        print_times()
        return
    context = Context(load_experiment(args.config, args.set))
    experts = context.experiment.experts.values()
    print("| probe | options | accuracy | log loss |\n|---|---|---|---|")
    for kind, options in ((TextProbe, TEXT_OPTIONS), (ImageProbe, IMAGE_OPTIONS)):
        base = next((expert for expert in experts if isinstance(expert, kind)), None)
        for changes in options if base is not None else ():
            expert = base.model_copy(update=changes)
            accuracy, log_loss = cross_validate(context, expert)
            told = ", ".join(f"{key} {value}" for key, value in changes.items() if key != "regularisation")
            print(f"| {base.model} | {told} | {100 * accuracy:.2f} | {log_loss:.4f} |", flush=True)


def cross_validate(context: Context, expert: Probe) -> tuple[float, float]:
    """Return accuracy and log loss out of fold, means over the seeds."""
    dataset = context.dataset
    labelled = dataset.products[dataset.products["label"].notna() & (dataset.products["split"] != "test")]
    if isinstance(expert, ImageProbe):
        labelled = labelled[labelled["image"].notna()]
        features = np.mean(
            [read_features(context, view) for view in image_views(context, "image", expert, labelled["image"])], axis=0
        )
    else:
        features = read_features(context, text_view(context, "text", expert))
        features = features[dataset.products.index.get_indexer(labelled.index)]
    targets, groups = dataset.targets(labelled), groups_of(labelled, dataset.split)
    return tuple(np.mean([list(score(expert, features, targets, groups, seed)) for seed in SEEDS], axis=0))


def score(
    expert: Probe, features: np.ndarray, targets: np.ndarray, groups: np.ndarray | None, seed: int
) -> Iterator[float]:
    """Yield accuracy and log loss out of fold."""
    folds = assign_folds(targets, N_FOLDS, seed, groups)
    frequencies = np.bincount(targets) / len(targets)
    probs = np.empty((len(targets), len(frequencies)))
    for fold in range(N_FOLDS):
        train = folds != fold
        model, _ = fit_classifier(
            features[train], targets[train], None if groups is None else groups[train],
            frequencies=frequencies, expert=expert, name="probe",
        )  # fmt: skip
        probs[~train] = model.predict_proba(features[~train])
    yield (probs.argmax(axis=1) == targets).mean()
    yield -np.log(probs[np.arange(len(targets)), targets].clip(1e-7)).mean()


def print_times() -> None:
    """Print how long a fit takes, with the search of C, on features whose variances decay as those of networks do."""
    expert = TextProbe(kind="text_probe", model="none")
    print("| products | features | classes | seconds |\n|---|---|---|---|")
    for n_products, n_features, num_classes in SHAPES:
        rng = np.random.default_rng(0)
        targets = np.concatenate([np.arange(num_classes), rng.integers(num_classes, size=n_products - num_classes)])
        centres = 0.4 * rng.normal(size=(num_classes, n_features))
        rotation = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
        spread = (centres[targets] + rng.normal(size=(n_products, n_features))) / np.sqrt(np.arange(1, n_features + 1))
        started = time.perf_counter()
        fit_classifier(
            (spread @ rotation).astype(np.float32), targets, None,
            frequencies=np.bincount(targets) / n_products, expert=expert, name="probe",
        )  # fmt: skip
        print(f"| {n_products} | {n_features} | {num_classes} | {time.perf_counter() - started:.1f} |", flush=True)


if __name__ == "__main__":
    main()
