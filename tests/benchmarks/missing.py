"""What predictions of an exported model are worth if images or texts are missing: ours, and the naive way.

    python tests/benchmarks/missing.py --config configs/my_shop.yaml        # a finished experiment with a test split

Exports the submitted method to a temporary folder and predicts the held-out test products: as they are; without 30 % of
the images and 30 % of the descriptions, drawn at random; without images; without titles and descriptions. Ours decides
each product by the policies for what it has (`latefusion.predictor.missing`), the naive way all of them by the policies
of complete products. The same probabilities of the experts serve both.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.config import load_experiment
from latefusion.predictor import Predictor, export_model
from latefusion.tables.dataset import read_dataset

SHARE = 0.3
TEXTS = ["title", "description"]


def scores(predictor: Predictor, decided: tuple[np.ndarray, np.ndarray], targets: np.ndarray) -> tuple[float, ...]:
    """Return accuracy and mean confidence in percent, and the log loss, of (N,) decisions and (N, C) probabilities."""
    preds, probs = decided
    rows = np.arange(len(preds))
    return 100 * (preds == targets).mean(), 100 * probs[rows, preds].mean(), -np.log(probs[rows, targets]).mean()


def cases(products: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the products of each case."""
    rng = np.random.default_rng(0)
    without_image, without_description = (rng.random(len(products)) < SHARE for _ in range(2))
    some = products.assign(
        image=products["image"].mask(without_image), description=products["description"].mask(without_description)
    )
    return {
        "nothing": products,
        f"{SHARE:.0%} of the images and of the descriptions": some,
        "all images": products.assign(image=None),
        "all titles and descriptions": products.assign(title="", description=None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    experiment = load_experiment(args.config, args.set)
    dataset = read_dataset(experiment)
    test = dataset.select("test")
    targets, images = dataset.targets(test), experiment.catalogue.root
    with tempfile.TemporaryDirectory() as folder:
        export_model(experiment, Path(folder) / "model")
        predictor = Predictor.load(Path(folder) / "model")
        print("| what is missing | way | accuracy | mean confidence | log loss |\n|---|---|---|---|---|")
        for case, products in cases(test[[*TEXTS, "image"]]).items():
            reading = predictor.read(products, images)
            for way, decided in {
                "ours": predictor.decide(reading),
                "naive": predictor.method.decide(reading.read, len(products)),
            }.items():
                cells = "{:.1f} | {:.1f} | {:.3f}".format(*scores(predictor, decided, targets))
                print(f"| {case} | {way} | {cells} |")


if __name__ == "__main__":
    main()
