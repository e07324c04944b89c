"""Images: reading, destroying and training, compared with the usual implementations.

    python tests/benchmarks/image.py                   # CPU: some minutes; --steps 0 leaves the networks out
    python tests/benchmarks/image.py --batch 128 --steps 20 --compile     # on a GPU

Reading and destroying are measured on one core, on made-up JPEGs of 500 x 500; the training step on made-up batches,
with random weights. The projected hours are those of configs/rakuten.yaml on this machine: its denoising, stage 1 and
DCL, by the slower of reading (all cores, from the cache) and training. The last line is one JSON object with the
figures.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image, ImageStat
from torchvision import transforms

from latefusion.config import CnnExpert, DclExpert, Hardware, ImageInput
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.image.cnn import ImageClassifier
from latefusion.experts.image.data import TrainImages
from latefusion.experts.image.dcl import DclClassifier
from latefusion.experts.image.destruction import neighbour_permutation, rearrange
from latefusion.images.cache import open_images
from latefusion.training.loop import make_accelerator

IMAGES, CLASSES, GRID = 96, 27, 7
PIXELS = ("images", "destroyed")
INPUTS = {224: ImageInput(), 448: ImageInput(resize=512, crop=448)}
TRAIN, FOLD_EPOCHS, STAGE_1_EPOCHS, DCL_EPOCHS = 76_424, 50, 60, 20  # of configs/rakuten.yaml


def draw_images(folder: Path) -> pd.DataFrame:
    """Write JPEGs of smooth colours with some texture on a white border, 40 to 70 kB each."""
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        colours = cv2.resize(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8), (500, 500), interpolation=cv2.INTER_CUBIC)
        texture = rng.normal(0, 10, (250, 250, 1)).repeat(2, 0).repeat(2, 1)
        image = np.clip(colours + texture, 0, 255).astype(np.uint8)
        border = int(rng.integers(0, 80))
        image[:border] = image[500 - border :] = 255
        cv2.imwrite(str(folder / f"{number}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    names = [f"{number}.jpg" for number in range(IMAGES)]
    return pd.DataFrame({"image": names}, index=[str(number) for number in range(IMAGES)])


def rate(work: Callable[[int], object], count: int, *, repeats: int = 3) -> float:
    """Return calls a second of `work(number)`, the best of several passes."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        for number in range(count):
            work(number)
        best = min(best, time.perf_counter() - started)
    return count / best


def usual_loader(folder: Path, image: ImageInput) -> Callable[[int], torch.Tensor]:
    """Pillow, torchvision, normalised floats."""
    transform = transforms.Compose(
        [
            transforms.Resize((image.resize, image.resize)),
            transforms.RandomRotation(image.rotate),
            transforms.RandomCrop(image.crop),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return lambda number: transform(Image.open(folder / f"{number}.jpg").convert("RGB"))


def our_loader(products: pd.DataFrame, folder: Path, image: ImageInput, cache: int | None) -> Callable[[int], dict]:
    store = open_images(products, folder, folder / "cache", cache)
    dataset = TrainImages(products, np.zeros(len(products), int), store, image, seed=0)
    return lambda number: dataset[(number, 0)]


def usual_destruction(image: Image.Image) -> tuple[Image.Image, list[float]]:
    """Tile by tile in Pillow, as the released code does; each tile's origin is guessed by its mean colour."""
    tile = image.width // GRID
    boxes = [(x * tile, y * tile, (x + 1) * tile, (y + 1) * tile) for y in range(GRID) for x in range(GRID)]
    tiles = [image.crop(box) for box in boxes]
    order = neighbour_permutation(GRID, 2, np.random.default_rng(0))
    destroyed = Image.new("RGB", image.size)
    for box, tile in zip(boxes, order, strict=True):
        destroyed.paste(tiles[tile], box[:2])
    whole = [sum(ImageStat.Stat(one).mean) for one in tiles]
    shuffled = [sum(ImageStat.Stat(destroyed.crop(box)).mean) for box in boxes]
    guesses = []
    for mean in shuffled:
        distances = [abs(mean - other) for other in whole]
        guesses.append((distances.index(min(distances)) - GRID**2 // 2) / GRID**2)
    return destroyed, guesses


def our_destruction(image: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    permutation = neighbour_permutation(GRID, 2, np.random.default_rng(number))
    return rearrange(image, permutation), (permutation - GRID**2 // 2) / GRID**2


def training_rate(model: torch.nn.Module, batch: dict, precision: str, steps: int) -> float:
    """Return images a second of SGD steps."""
    device = next(model.parameters()).device
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=precision != "no" or None)
    model.train()

    def step(number: int) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            outputs = model(**batch)
            loss = outputs["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()

    step(0)
    return rate(step, steps, repeats=1) * len(batch["labels"])


def as_usual(classifier: ImageClassifier | DclClassifier, batch: dict) -> dict:
    """Let the network take normalised floats, channels first, and return the batch in that form."""
    classifier.to(memory_format=torch.contiguous_format)
    classifier.net.feature_map = classifier.net.backbone.forward_features
    floats = {key: batch[key].permute(0, 3, 1, 2).float().div(255).contiguous() for key in PIXELS if key in batch}
    return batch | floats


def networks(args: argparse.Namespace, precision: str, device: torch.device) -> dict[str, float]:
    """Return the training rates of ResNet50 and ResNet152 at 224 and of DCL at 448, the usual way and ours."""
    rates = {}
    for name, model, side, count in (
        ("resnet50_224", "resnet50", 224, args.batch),
        ("resnet152_224", "resnet152", 224, args.batch),
        ("dcl_resnet152_448", "resnet152", 448, max(2, args.batch // 4)),
    ):
        images = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device=device)
        batch = {"images": images, "labels": torch.randint(CLASSES, (count,), device=device)}
        net = TimmBackbone(CnnExpert(model=model, pretrained=False), pretrained=False)
        classifier = ImageClassifier(net, CLASSES)
        if name.startswith("dcl"):
            classifier = DclClassifier(net, CLASSES, DclExpert(kind="dcl", start_from="x"))
            batch |= {"destroyed": images, "permutation": torch.arange(GRID**2, device=device).expand(count, -1)}
        classifier.to(device)
        ours = training_rate(classifier, batch, precision, args.steps)
        usual = training_rate(classifier, as_usual(classifier, batch), "no", args.steps)
        rates |= {f"{name}_usual": usual, name: ours}
        print(f"| training, {name} | {usual:.2f} | {ours:.2f} | {ours / usual:.2f} |", flush=True)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3, help="training steps of each network; 0: none")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = make_accelerator(Hardware()).mixed_precision
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    figures: dict[str, float] = {}
    print(f"{device.type}, timm {timm.__version__}, precision {precision}")
    print("| images/s | usual | ours | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        products = draw_images(folder)
        for side, image in INPUTS.items():
            usual = rate(usual_loader(folder, image), IMAGES)
            for name, cache in {"": None, "_cache": image.resize, "_cache_512": 512}.items():
                ours = rate(our_loader(products, folder, image, cache), IMAGES)
                figures[f"loader_{side}{name}"] = ours
                figures[f"loader_{side}{name}_speedup"] = ours / usual
                print(f"| reading at {side}{name.replace('_', ' ')} | {usual:.0f} | {ours:.0f} | {ours / usual:.2f} |")
        images = [open_images(products, folder, folder / "cache", 512).read(id_, 448) for id_ in products.index]
    as_pil = [Image.fromarray(image) for image in images]
    usual = rate(lambda number: usual_destruction(as_pil[number]), IMAGES)
    ours = rate(lambda number: our_destruction(images[number], number), IMAGES)
    figures |= {"destruction": ours, "destruction_speedup": ours / usual}
    print(f"| destroying, with targets | {usual:.0f} | {ours:.0f} | {ours / usual:.2f} |", flush=True)
    torch.set_num_threads(threads)
    if args.steps:
        rates = networks(args, precision, device)
        figures |= rates
        cores = len(os.sched_getaffinity(0))
        hours = {
            "denoising": 4
            * FOLD_EPOCHS
            * TRAIN
            * 0.75
            / min(rates["resnet50_224"], figures["loader_224_cache"] * cores),
            "stage_1": 2 * STAGE_1_EPOCHS * TRAIN / min(rates["resnet152_224"], figures["loader_224_cache"] * cores),
            "dcl": 3 * DCL_EPOCHS * TRAIN / min(rates["dcl_resnet152_448"], figures["loader_448_cache"] * cores),
        }
        figures |= {f"projected_hours_{name}": seconds / 3600 for name, seconds in hours.items()}
        print("projected hours:", {name: round(seconds / 3600, 1) for name, seconds in hours.items()})
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
