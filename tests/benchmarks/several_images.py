"""Several images per product: the first alone, the mean of probabilities or of features, training on all of them.

    python tests/benchmarks/several_images.py --sample 1000
    python tests/benchmarks/several_images.py --config configs/catalogue.yaml --set catalogue.root=data/mine

`--sample`: each image of a product of the synthetic sample is drawn anew, with its own object, pose, background and
light: the errors on a product's images are as independent as they can be. With a catalogue of one image per product
(prepared by `src/01_prepare.py` with the same arguments) the further images are crops of it, mirrored, in other light:
these are as dependent as they can be, and no photographs of a real shop. Each is measured once more with the last image
replaced by one that shows no product, a size chart, which is the same for all. The image probe of the config is fitted
in five folds; near-duplicates are in one fold. Its features are computed at one size.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from latefusion.config import ImageProbe, SampleConfig, load_experiment
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.probe.classifier import fit_classifier
from latefusion.images.store import read_image, resize
from latefusion.tables.dataset import read_dataset
from latefusion.utils.arrays import group_means
from sample_catalogue.images import draw_image
from sample_catalogue.plan import plan_products

VIEWS, SIDE, N_FOLDS = 3, 224, 5
BATCH = 8
Predict = Callable[[np.ndarray], np.ndarray]  # from (n, F) features to (n, C) probabilities


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/catalogue.yaml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--sample", type=int, metavar="N", help="products of the synthetic sample, not a catalogue")
    args = parser.parse_args()
    torch.manual_seed(0)
    experiment = load_experiment(args.config, args.set)
    expert = next(one for one in experiment.experts.values() if isinstance(one, ImageProbe))
    if args.sample:
        images, targets, groups = sample_views(args.sample)
    else:
        images, targets, groups = catalogue_views(experiment)
    network = TimmBackbone(expert.network(SIDE), pretrained=True).eval()
    features = compute(network, images, len(targets))  # (N, VIEWS, F)
    print(f"{len(targets)} products, {VIEWS} images each, {expert.model}, {SIDE} pixels\n")
    print("| images | trained on | predicted by | accuracy | difference | log loss |\n|---|---|---|---|---|---|")
    chart = compute(network, iter([size_chart()]), 1, 1)[0, 0]
    with_chart = features.copy()
    with_chart[:, -1] = chart
    for name, values in (("all show the product", features), ("the last is a size chart", with_chart)):
        report(name, values, targets, groups, expert)


def sample_views(n: int) -> tuple[Iterator[np.ndarray], np.ndarray, np.ndarray]:
    """Return VIEWS drawings of each training product, its class number, and a group of its own."""
    products = [one for one in plan_products(SampleConfig(products=max(200, 2 * n))) if one.split == "train"][:n]
    codes = sorted({one.code for one in products})
    targets = np.array([codes.index(one.code) for one in products])
    drawn = (
        resize(draw_image(random.Random(f"{one.integer_id} {view}"), one.look, 2 * SIDE), SIDE)
        for one in products
        for view in range(VIEWS)
    )
    return drawn, targets, np.arange(len(products))


def catalogue_views(experiment) -> tuple[Iterator[np.ndarray], np.ndarray, np.ndarray]:
    """Return the image and VIEWS - 1 crops of each labelled product with an image, class numbers and groups."""
    dataset = read_dataset(experiment)
    products = dataset.products[dataset.products["label"].notna() & dataset.products["image"].notna()]

    def views() -> Iterator[np.ndarray]:
        for id_, path in products["image"].items():
            image = read_image(experiment.catalogue.root / path)
            yield resize(image, SIDE)
            rng = random.Random(id_)
            for _ in range(VIEWS - 1):
                yield resize(crop(image, rng), SIDE)

    return views(), dataset.targets(products), products["group"].to_numpy()


def crop(image: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return a part of 40 to 90 % of the area, perhaps mirrored, lighter or darker."""
    height, width = image.shape[:2]
    side = rng.uniform(0.4, 0.9) ** 0.5
    h, w = max(1, round(height * side)), max(1, round(width * side))
    top, left = rng.randint(0, height - h), rng.randint(0, width - w)
    part = image[top : top + h, left : left + w]
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return cv2.convertScaleAbs(np.ascontiguousarray(part), alpha=rng.uniform(0.7, 1.2))


def size_chart() -> np.ndarray:
    """Return a table of numbers on white."""
    image = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for row in range(6):
        for column in range(4):
            at = (10 + 55 * column, 30 + 35 * row)
            cv2.putText(image, str(30 + 2 * row + column), at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    return image


@torch.inference_mode()
def compute(network: TimmBackbone, images: Iterator[np.ndarray], n: int, views: int = VIEWS) -> np.ndarray:
    """Return (n, views, F) features."""
    rows: list[np.ndarray] = []
    batch: list[np.ndarray] = []
    for image in tqdm(images, "features", total=n * views, disable=None):
        batch.append(image)
        if len(batch) == BATCH:
            rows.append(network(torch.from_numpy(np.stack(batch))).numpy())
            batch = []
    if batch:
        rows.append(network(torch.from_numpy(np.stack(batch))).numpy())
    return np.concatenate(rows).reshape(n, views, -1)


def report(name: str, features: np.ndarray, targets: np.ndarray, groups: np.ndarray, expert: ImageProbe) -> None:
    """Print a line for each way; differences are from the first image alone, with their standard errors."""
    n, views, _ = features.shape
    counts = np.full(n, views)

    def first(model: Predict, rows: np.ndarray) -> np.ndarray:
        return model(rows[:, 0])

    def mean_of_probs(model: Predict, rows: np.ndarray) -> np.ndarray:
        return group_means(model(rows.reshape(-1, rows.shape[2])), counts[: len(rows)])

    def mean_of_features(model: Predict, rows: np.ndarray) -> np.ndarray:
        return model(rows.mean(axis=1))

    ways = {"the first": first, "mean of probabilities": mean_of_probs, "mean of features": mean_of_features}
    base = None
    for trained_on in ("the first", "all"):
        probs = {way: np.empty((n, targets.max() + 1)) for way in ways}
        for train, test in StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=0).split(targets, targets, groups):
            used = features[train, :1] if trained_on == "the first" else features[train]
            repeated = [np.repeat(one[train], used.shape[1]) for one in (targets, groups)]
            model, _ = fit_classifier(
                used.reshape(-1, used.shape[2]), *repeated,
                frequencies=np.bincount(repeated[0], minlength=targets.max() + 1) / len(repeated[0]),
                expert=expert, name="probe",
            )  # fmt: skip
            for way, predict in ways.items():
                probs[way][test] = predict(model.predict_proba, features[test])
        for way, found in probs.items():
            right = (found.argmax(axis=1) == targets).astype(float)
            base = right if base is None else base
            gain, error = (right - base).mean(), (right - base).std() / n**0.5
            log_loss = -np.log(found[np.arange(n), targets].clip(1e-7)).mean()
            told = f"{100 * gain:+.1f} ± {100 * error:.1f}" if right is not base else ""
            print(f"| {name} | {trained_on} | {way} | {100 * right.mean():.1f} | {told} | {log_loss:.3f} |", flush=True)


if __name__ == "__main__":
    main()
