"""A folder with a finished experiment, its exported model, and a table of new products, predicted in seconds."""

import shutil
from pathlib import Path

import cv2
import numpy as np

from faults.processes import SOURCES, Script, start
from faults.shop import CONFIG, Shop
from latefusion.utils.files import read_json

EXPORT, PREDICT, SERVE = "12_export_model.py", "13_predict_new.py", "15_serve.py"
EXPERTS = ("tfidf", "text", "cnn")
CHANGES = {
    "experts": {name: CONFIG["experts"][name] for name in EXPERTS},
    "denoise": None,
    "policies": {
        "network": {"experts": list(EXPERTS), "n_folds": 3, "epochs": 4},
        "mean": {"kind": "mean", "experts": list(EXPERTS), "n_folds": 3},
    },
    "submit": "vote",
}
SIZE = 12  # new products


class Incoming(Shop):
    """The shop of a day after: what it trained is exported, and new products have come in."""

    @property
    def model(self) -> Path:
        return self.folder / "models/shop"

    @property
    def new(self) -> Path:
        return self.folder / "new.csv"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def photo(self, number: int) -> Path:
        return self.folder / f"photos/{number}.png"

    def open(self) -> None:
        """Train the shop's experts that have files of each kind, export them, and write the new products."""
        super().open()
        self.configure(CHANGES)
        trained = super().finish()
        assert trained.status == 0, trained.output
        rng = np.random.default_rng(1)
        self.photo(0).parent.mkdir()
        lines = ["id,title,description,image"]
        for number in range(SIZE):
            lines.append(f"n{number},old {('lamp', 'shoe', 'mug')[number % 3]},and more,{number}.png")
            cv2.imwrite(str(self.photo(number)), rng.integers(0, 255, (40, 44, 3)).astype(np.uint8))
        self.new.write_text("\n".join(lines) + "\n")

    def start(self, *names: str, arguments: tuple[str, ...] = (), **options) -> Script:
        """Start scripts; `arguments` come after those that exports and predictions need, and win."""
        if names not in ((EXPORT,), (PREDICT,), (SERVE,)):
            return super().start(*names, arguments=arguments, **options)
        return start(self.server, self.folder, [self.command(names[0], *arguments)], **options)

    def command(self, name: str, *arguments: str) -> list[str]:
        own = ("--config", "shop.yaml")
        if name == PREDICT:
            own = (
                "--model", "models/shop", "--products", "new.csv", "--images", "photos", "--out", "out/labels.csv",
                "--overwrite",
            )  # fmt: skip
            own += ("--min-confidence", "0.5", "--shard-size", "4")
        if name == SERVE:
            own = ("--model", "models/shop", "--port", "0")
        return [str(SOURCES / name), *own, *arguments]

    def finish(self) -> Script:
        """Export the model, if it is not there, and predict the new products."""
        names = (PREDICT,) if self.model.exists() else (EXPORT, PREDICT)
        script = start(self.server, self.folder, [self.command(name) for name in names])
        script.wait()
        return script

    def files(self) -> dict[str, object]:
        """Return all that the two scripts have left, by name, but for the environment of the export."""
        paths = [path for folder in (self.model.parent, self.out) for path in folder.rglob("*") if path.is_file()]
        found: dict[str, object] = {
            str(path.relative_to(self.folder)): path.read_bytes() for path in paths if path.suffix != ".lock"
        }
        manifest = read_json(self.model / "model.json")
        return found | {"models/shop/model.json": manifest | {"environment": None, "digest": None}}

    def forget(self, *jobs: str) -> None:
        """Remove the predictions, and with `model` or `weights/...` that too."""
        shutil.rmtree(self.out, ignore_errors=True)
        for name in jobs:
            shutil.rmtree(self.folder / name)

    @property
    def run_root(self) -> Path:  # where `struck` looks for files
        return self.folder

    def copy(self, folder: Path) -> "Incoming":
        return Incoming(self.server, Path(shutil.copytree(self.folder, folder, symlinks=True)))
