"""The image probe: the features of a frozen timm network, averaged over image sizes and mirror images.

Images are read from their files, not from the cache of decoded images: each is read only once, and so its features do
not depend on the cache's size.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from torch.utils.data import Dataset

from latefusion.config import ImageProbe
from latefusion.experts.context import Context
from latefusion.experts.exported import WEIGHTS, Opening, Predict, copy_results
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.image.data import collate, training_products
from latefusion.experts.probe.classifier import ProbeClassifier
from latefusion.experts.probe.features import FrozenNetwork, View, batch_size, describe_weights, read_features
from latefusion.experts.probe.training import fit_probe
from latefusion.images.files import hash_bytes
from latefusion.images.several import all_paths, count_images, number_images
from latefusion.images.store import ImageStore, decode_bytes, read_bytes, resize
from latefusion.plan.records import verified
from latefusion.utils.arrays import group_means
from latefusion.utils.errors import StepError
from latefusion.utils.parquet import read_frame
from latefusion.utils.weights import load_weights, save_weights

BACKBONE = "backbone.safetensors"  # of an exported expert


def train_image_probe(context: Context, name: str, expert: ImageProbe) -> None:
    """Fit the probe on the training products with an image and write its run folder. All processes must call this."""
    products = context.dataset.products
    with_image = products[products["image"].notna()]
    train = training_products(context, context.dataset.select("train"), expert.train_on)
    paths = pd.Series(all_paths(with_image), dtype="str")
    views = image_views(context, name, expert, paths)
    features = [read_features(context, view) for view in views]  # each (N, F), or None
    if not context.accelerator.is_main_process:
        return
    fit_probe(context, name, expert, np.mean(features, axis=0), with_image.index, count_images(with_image), train)


def image_views(context: Context, name: str, expert: ImageProbe, images: pd.Series) -> list[View]:
    """Return the views of the images with these paths: one for each size and, with `flip`, each mirror image."""
    root = context.experiment.catalogue.root
    states = read_frame(verified(context.experiment.run_root / "catalogue", "images.parquet"))
    hashes = states["blake2b"].reindex(images).to_numpy()

    @cache
    def load() -> TimmBackbone:
        with context.accelerator.main_process_first():  # it may download the weights
            return TimmBackbone(expert.network(expert.sizes[0]), pretrained=True)

    weights = describe_weights(expert.model, load)
    precision = context.accelerator.mixed_precision

    def view(size: int, flip: bool) -> View:
        def network() -> FrozenNetwork:
            return FrozenNetwork(
                model=load(),
                features=load(),
                dataset=lambda rows: SourceImages(root, images.iloc[rows], hashes[rows], size, flip=flip),
                collate=collate,
            )

        identity = {
            "model": expert.model,
            "model_args": expert.model_args,
            "weights": weights,
            "size": size,
            "flip": flip,
            "precision": precision,
        }
        title = f"features of {name}, {size} pixels{', mirrored' if flip else ''}"
        return View(title, identity, keys=hashes, sizes=np.zeros(len(images)), load=network)

    return [view(size, flip) for size, flip in views_of(expert)]


def views_of(expert: ImageProbe) -> list[tuple[int, bool]]:
    """Return how the expert reads an image: at each size and, with `flip`, also its mirror image."""
    return [(size, flip) for size in expert.sizes for flip in ((False, True) if expert.flip else (False,))]


def export_image_probe(context: Context, name: str, expert: ImageProbe, folder: Path) -> None:
    """Write the classifier, and the weights of the frozen network."""
    copy_results(context, name, folder, WEIGHTS)
    backbone = TimmBackbone(expert.network(expert.sizes[0]), pretrained=True)
    save_weights(backbone.state_dict(), folder / BACKBONE)


def open_image_probe(opening: Opening, expert: ImageProbe) -> Predict:
    """Return the function that predicts products; those without an image get the class frequencies."""
    classifier = ProbeClassifier.load(opening.folder / WEIGHTS)
    backbone = TimmBackbone(expert.network(expert.sizes[0]), pretrained=False)
    load_weights(backbone, opening.folder / BACKBONE)

    def predict(products: pd.DataFrame, images: ImageStore) -> np.ndarray:
        has_image = products["image"].notna().to_numpy()
        probs = np.tile(classifier.frequencies, (len(products), 1))
        if has_image.any():
            counts, size = count_images(products[has_image]), batch_size(opening.accelerator)
            items = number_images(products.index[has_image], counts)
            features = [
                opening.features(backbone, backbone, StoredImages(images, items, side, flip=flip), collate, size)
                for side, flip in views_of(expert)
            ]
            probs[has_image] = group_means(classifier.predict_proba(np.mean(features, axis=0)), counts)
        return probs

    return predict


class StoredImages(Dataset):
    """Images of products, resized to squares: dicts of `images`, (side, side, 3) uint8."""

    def __init__(self, images: ImageStore, items: list[tuple[str, int]], side: int, *, flip: bool):
        """Take the id and number of each image."""
        self.images, self.items, self.side, self.flip = images, items, side, flip

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        id_, number = self.items[index]
        return {"images": turned(self.images.read(id_, self.side, number), flip=self.flip)}


def turned(image: np.ndarray, *, flip: bool) -> np.ndarray:
    """Return an image, or with `flip` its mirror image."""
    return np.ascontiguousarray(image[:, ::-1]) if flip else image


class SourceImages(Dataset):
    """Images from their files, resized to squares: dicts of `images`, (size, size, 3) uint8."""

    def __init__(self, root: Path, paths: pd.Series, hashes: np.ndarray, size: int, *, flip: bool):
        """Take (N,) paths relative to `root`, and the hashes of the files' contents."""
        self.root, self.paths, self.hashes, self.size, self.flip = root, list(paths), hashes, size, flip

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        image = resize(self._decode(self.root / self.paths[index], self.hashes[index]), self.size)
        return {"images": turned(image, flip=self.flip)}

    def _decode(self, path: Path, expected: str) -> np.ndarray:
        """Return the image. Raises StepError if the file is not the one that was checked: its features are shared."""
        content = read_bytes(path)
        image = decode_bytes(content) if hash_bytes(content.tobytes()) == expected else None
        if image is None:
            raise StepError(f"{path}: has changed since {{step}} checked it: run {{step}} again", "prepare")
        return image
