"""A made-up experiment with everything that the report shows, and names and texts that are hard to show."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.results import CNN, RECORD, SEVERAL, MadeUp, make_up
from latefusion.report import report_page
from latefusion.scores.write import write_scores
from latefusion.tables.dataset import Dataset
from latefusion.utils.files import atomic_write, write_json, write_text

HOSTILE = '<img src=x onerror="document.title=`hacked`"></script><script>document.title="hacked"</script>'
TITLES = (HOSTILE, "", "x" * 300, "Läufer, 灯, 🪔")
LONG_ID = "55b85ea15a1536d46b7190ad6fff8ce7" * 3
ACCURACIES = {
    "words": 0.6, "letters": 0.5, "images": 0.5, "product": 0.8, "network": 0.7, "other_network": 0.72, "vote": 0.75,
}  # fmt: skip
DEPARTMENTS = ("Home & Garden >> Lighting >> ", '"Quoted", <b>bold</b> & ', "")


def class_name(number: int) -> str:
    return f"{DEPARTMENTS[number % 3]}class of products with a long name {number:03}"


def make_results(folder: Path, patch: pytest.MonkeyPatch, *, n: int = 200, num_classes: int = 60, **config) -> MadeUp:
    """Return a made-up experiment with a vote, denoising, training logs and images, all its jobs done."""
    config = {"denoise": {"network": CNN}, "submit": "vote"} | config
    made = make_up(folder, patch, n=n, num_classes=num_classes, **config)
    labels = made.dataset.products["label"].str.removeprefix("class ").astype(int).map(class_name)
    products = made.dataset.products.assign(label=labels, description="A text. " * 60, image=None)
    train = products.iloc[:30].assign(split="train")
    train.index = pd.Index([f"t{number}" for number in range(30)], name="id")
    products = pd.concat([products, train])
    products = products.rename(index={"p0": LONG_ID, "p1": HOSTILE}).rename_axis("id")
    products["title"] = np.resize(np.array(TITLES, dtype=object), len(products))
    products["image"] = [_image(folder, number) for number in range(len(products))]
    made = dataclasses.replace(made, dataset=Dataset(products, sorted(set(products["label"])), made.dataset.split))
    for number, (name, accuracy) in enumerate(ACCURACIES.items()):
        made.draw(name, accuracy, seed=10 * number, confidence=np.linspace(0.5, 0.95, n))
    _write_denoising(made)
    _write_log(made)
    made.submit()
    return made


def make_results_of_several_labels(folder: Path, patch: pytest.MonkeyPatch) -> MadeUp:
    """Return a made-up experiment whose products have several labels each, with a vote."""
    made = make_up(folder, patch, n=120, num_classes=7, submit="vote", **SEVERAL)
    products = made.dataset.products.assign(description=None, image=None).astype({"image": "str"})
    made = dataclasses.replace(made, dataset=dataclasses.replace(made.dataset, products=products))
    for number, (name, accuracy) in enumerate(ACCURACIES.items()):
        made.draw(name, accuracy, seed=10 * number)
    made.submit()
    return made


def write_report(made: MadeUp) -> Path:
    """Write the scores and the report as the script does; return the report's path."""
    write_scores(made.experiment, made.dataset, page=report_page)
    return made.experiment.submission_dir.resolve() / "report.html"


def _image(folder: Path, number: int) -> str | None:
    """Return the path of an image: one in four is missing, one broken, one not named."""
    name = f"image-{number % 4}.jpg"
    if number % 4 == 3:
        return None
    if number == 0:
        cv2.imwrite(str(folder / name), np.random.default_rng(0).integers(0, 255, (300, 500, 3), dtype=np.uint8))
        (folder / "image-1.jpg").write_bytes(b"\xff\xd8 half an image")
    return name


def _write_denoising(made: MadeUp) -> None:
    """Write label issues of the train products and the records of the job."""
    ids = made.dataset.select("train").index
    given = made.dataset.targets(made.dataset.select("train"))
    names, rng = np.array(made.dataset.classes), np.random.default_rng(0)
    issues = pd.DataFrame(
        {
            "given": names[given],
            "suggested": names[(given + 1) % len(names)],
            "margin": rng.random(len(ids)),
            "given_prob": 0.3 * rng.random(len(ids)),
            "suggested_prob": 0.3 + 0.7 * rng.random(len(ids)),
            "removed": np.arange(len(ids)) < 5,
        },
        index=ids,
    )
    folder = made.experiment.denoise_dir
    write_json(folder / "job.json", RECORD)
    with atomic_write(folder / "label_issues.parquet") as partial:
        issues.to_parquet(partial)


def _write_log(made: MadeUp) -> None:
    lines = [{"epoch": n, "loss": 3 / n, "valid_macro_f1": 1 - 1 / (n + 1)} for n in range(1, 6)]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    write_text(made.folder("images") / "log.jsonl", text + '{"epoch": 6, "lo')  # the last line is not complete
