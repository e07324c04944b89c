"""A small shop and an experiment with every kind of step, done in seconds."""

import shutil
from contextlib import chdir
from pathlib import Path

import cv2
import numpy as np
import yaml
from helpers.configs import TINY_CNN
from helpers.frozen import CNN as PRETRAINED
from helpers.frozen import save_tiny_cnn
from helpers.workspace import SCRIPTS

from faults.processes import SOURCES, Script, Server, start

LABELS = ("lamp", "shoe", "mug")
WORDS = ("red", "large", "old", "steel", "soft", "round", "cheap", "new")
# Tokens, speeds, and the code's commit, which may change while the tests run: no two runs share them.
UNEQUAL = ("job.json", "log.jsonl", "current.json", "summary.json")
RUN = b"\n## Run\n"  # scores.md's last section: the code's commit
CNN = TINY_CNN | {"train": {"epochs": 3, "batch_size": 8, "lr": 0.01, "keep_last": 2}}
CONFIG = {
    "name": "shop",
    "catalogue": {
        "format": "table",
        "root": "shop",
        "columns": {"label": "label", "description": "description", "image": "image_path"},
    },
    "split": {"valid_fraction": 0.25, "test_fraction": 0.25},
    "image_cache": 40,
    "experts": {
        "tfidf": {"kind": "tfidf", "min_df": 1, "n_folds": 2, "regularisation": [1.0]},
        "text": {
            "kind": "transformer",
            "scratch": {"vocab_size": 120, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1},
            "max_length": 24,
            "train": {"epochs": 6, "batch_size": 8, "lr": 0.005, "keep_last": 2},
        },
        "cnn": CNN,
        "clean": CNN | {"train_on": "clean"},
        "dcl": {
            "kind": "dcl",
            "start_from": "cnn",
            "image": {"resize": 36, "crop": 32},
            "grid": 2,
            "train": {"epochs": 2, "batch_size": 8, "lr": 0.001},
        },
        "probe": {"kind": "image_probe", "model": PRETRAINED, "sizes": [32], "n_folds": 2, "regularisation": [1.0]},
        "late": {"kind": "late", "of": "cnn", "epochs_before_end": 1},
        "joint": {
            "kind": "joint",
            "text": "text",
            "image": "cnn",
            "features": "frozen",
            "hidden_size": 8,
            "train": {"epochs": 2, "batch_size": 8, "lr": 0.005},
        },
    },
    "denoise": {"n_folds": 2, "network": CNN | {"train": {"epochs": 2, "batch_size": 8}}},
    "policies": {
        "both": {"experts": ["tfidf", "cnn"], "n_folds": 3, "epochs": 4},
        "rest": {"experts": ["text", "dcl", "late", "joint"], "n_folds": 3, "epochs": 4},
        "mean": {"kind": "mean", "experts": ["tfidf", "clean", "probe"], "n_folds": 3},
    },
    "hardware": {"num_workers": 0, "mixed_precision": "no", "checkpoint_every": 2},
}


def scripts() -> list[str]:
    """Return the numbered scripts in their order, without the one that draws the sample."""
    return SCRIPTS[1:]


def located(path: str) -> str:
    """Return a path below weights/shop/ with the folder that its job lies in: cnn/x -> experts/cnn/x."""
    job = path.partition("/")[0]
    group = next((group for group in ("experts", "policies") if job in CONFIG[group]), None)
    return path if group is None else f"{group}/{path}"


class Shop:
    """A folder with the shop's data, the experiment's config and whatever the scripts have left."""

    def __init__(self, server: Server, folder: Path):
        self.server, self.folder = server, folder

    @property
    def products(self) -> Path:
        return self.folder / "shop/products.csv"

    @property
    def run_root(self) -> Path:
        return self.folder / "weights/shop"

    @property
    def features(self) -> Path:
        """The store of features, which all experiments share."""
        return self.folder / "weights/features"

    def image(self, number: int) -> Path:
        return self.folder / f"shop/images/{number}.png"

    def open(self) -> None:
        """Write the catalogue, the config, and a pretrained network."""
        rng = np.random.default_rng(0)
        (self.folder / "shop/images").mkdir(parents=True)
        lines = ["id,title,description,label,image_path"]
        for number in range(60):
            kind = number % 3
            words = " ".join(rng.choice(WORDS, 3))
            lines.append(f"p{number},{words} {LABELS[kind]},{words} and more,{LABELS[kind]},images/{number}.png")
            pixels = rng.integers(0, 255, (6, 6, 3)).astype(np.uint8)
            pixels[..., kind] = 255
            cv2.imwrite(str(self.image(number)), cv2.resize(pixels, (44, 40)))
        self.products.write_text("\n".join(lines) + "\n")
        self.configure({})
        with chdir(self.folder):
            save_tiny_cnn()

    def configure(self, changes: dict) -> None:
        """Write the config with some top-level sections changed."""
        (self.folder / "shop.yaml").write_text(yaml.safe_dump(CONFIG | changes))

    def start(self, *names: str, arguments: tuple[str, ...] = (), **options) -> Script:
        argv = [[str(SOURCES / name), "--config", "shop.yaml", *arguments] for name in names]
        return start(self.server, self.folder, argv, **options)

    def finish(self) -> Script:
        """Run all scripts to the end."""
        script = self.start(*scripts())
        script.wait()
        return script

    def forget(self, *jobs: str) -> None:
        """Remove run folders, so that their jobs are to do."""
        for job in jobs:
            shutil.rmtree(self.run_root / located(job))

    def files(self) -> dict[str, bytes]:
        """Return all that the scripts have left, by name, but for what no two runs share.

        The files of the store of features have random names.
        """
        paths = [
            path for top in ("weights", "submissions") for path in (self.folder / top).rglob("*") if path.is_file()
        ]
        return {
            str(path.relative_to(self.folder)): b"" if path.name in UNEQUAL else path.read_bytes().partition(RUN)[0]
            for path in paths
            if "tensorboard" not in path.parts and not path.is_relative_to(self.features)
        }

    def copy(self, folder: Path) -> "Shop":
        return Shop(self.server, Path(shutil.copytree(self.folder, folder, symlinks=True)))
