"""Which products the rules of `latefusion.predictor.unusual` flag: usual ones, and others; and what they cost.

    python tests/benchmarks/unusual.py --config configs/my_shop.yaml      # prepared (01_prepare.py), with a test split
    python tests/benchmarks/unusual.py --config configs/my_shop.yaml --other configs/sample.yaml

The rules are learnt from the labelled products that are not held out. Usual products are the held-out ones: as they
are, with their titles alone, their images at half the size, with strong compression, grey, and dark. Others are the
texts and images of `unusual_products`, and the products of another catalogue.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from unusual_products import IMAGES, NONSENSE, TEXTS

from latefusion.catalogue import read_catalogue
from latefusion.config import load_experiment
from latefusion.images.store import ImageStore
from latefusion.predictor.unusual import NAME, Unusual, fit_image, fit_text
from latefusion.tables.dataset import read_dataset

N = 100  # products of each kind that is drawn
MOST = 1000  # products of another catalogue


def texts(test: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield kinds of texts, as tables of products."""
    yield "held out", test
    yield "held out, title alone", test.assign(description=None)
    yield "held out, first two words of the title", titled(test["title"].str.split().str[:2].str.join(" "))
    for kind, own in TEXTS.items():
        yield kind, titled(own)
    rng = np.random.default_rng(0)
    for kind, draw in NONSENSE.items():
        yield kind, titled(draw(rng) for _ in range(N))


def titled(titles) -> pd.DataFrame:
    return pd.DataFrame({"title": list(titles), "description": None})


def variants(image: np.ndarray) -> dict[str, np.ndarray]:
    """Return the image (BGR) as other tools would have stored it."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return {
        "held out, half the size": cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "held out, JPEG of quality 40": cv2.imdecode(jpeg, cv2.IMREAD_COLOR),
        "held out, grey": np.repeat(grey[..., None], 3, axis=2),
        "held out, dark": (image * 0.6).astype(np.uint8),
    }


def images(test: pd.DataFrame, root: Path, folder: Path) -> Iterator[tuple[str, pd.DataFrame, Path]]:
    """Yield kinds of images, as tables of products and the folder of their images; write them to `folder`."""
    test = test[test["image"].notna()]
    yield "held out", test, root
    own: dict[str, list[np.ndarray]] = {}
    for path in test["image"]:
        for kind, image in variants(cv2.imread(str(root / path))).items():
            own.setdefault(kind, []).append(image)
    rng = np.random.default_rng(0)
    own |= {kind: [draw(rng)[..., ::-1] for _ in range(N)] for kind, draw in IMAGES.items()}
    for number, (kind, those) in enumerate(own.items()):
        names = [f"{number}-{row}.png" for row in range(len(those))]
        for name, image in zip(names, those, strict=True):
            cv2.imwrite(str(folder / name), image)
        yield kind, pd.DataFrame({"image": names}, index=names), folder


def share(reasons: np.ndarray) -> str:
    return f"{100 * (reasons != '').mean():.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--other", type=Path, metavar="CONFIG", help="the config of another catalogue")
    parser.add_argument("--labelled", type=int, metavar="N", help="learn from N of the labelled products only")
    args = parser.parse_args()
    experiment = load_experiment(args.config, args.set)
    dataset, root = read_dataset(experiment), experiment.catalogue.root
    labelled, test = dataset.select("train", "valid"), dataset.select("test")
    if args.labelled is not None:
        labelled = labelled.sample(args.labelled, random_state=0)
    text = fit_text(labelled)[0]
    image = fit_image(labelled, ImageStore(labelled, root))
    other = None
    if args.other is not None:
        catalogue = load_experiment(args.other).catalogue
        other = read_catalogue(catalogue).iloc[:MOST]
    print(f"{len(labelled)} labelled products; {len(text.words)} words, {float(text.share):.3f} of a text's are known")
    print("\n| text | products | flagged, percent |\n|---|---|---|")
    kinds = [*texts(test), *([("another catalogue", other)] if other is not None else [])]
    for kind, products in kinds:
        print(f"| {kind} | {len(products)} | {share(text.reasons(products))} |")
    if image is not None:
        print("\n| image | products | flagged, percent |\n|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            drawn = list(images(test, root, Path(folder)))
            if other is not None:
                drawn.append(("another catalogue", other[other["image"].notna()], catalogue.root))
            for kind, products, own_root in drawn:
                reasons = image.reasons(products, ImageStore(products, own_root))
                print(f"| {kind} | {len(products)} | {share(reasons)} |")
    cost(Unusual(text, image), test, root)


def cost(unusual: Unusual, test: pd.DataFrame, root: Path) -> None:
    """Print the size of the rules, and how many products a second they read."""
    with tempfile.TemporaryDirectory() as folder:
        unusual.save(Path(folder))
        size = (Path(folder) / NAME).stat().st_size
    many = pd.concat([test] * -(-5000 // len(test)))
    start = time.perf_counter()
    unusual.text.reasons(many)
    middle = time.perf_counter()
    rates = f"{len(many) / (middle - start):.0f} texts a second"
    if unusual.image is not None:
        unusual.image.reasons(test, ImageStore(test, root))
        rates += f", {len(test) / (time.perf_counter() - middle):.0f} images a second with decoding"
    print(f"\n{size:,} bytes; {rates}")


if __name__ == "__main__":
    main()
