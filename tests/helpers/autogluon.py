"""An environment that looks like AutoGluon's: a Python that finds `autogluon.multimodal`, which learns one thing."""

import sys
from pathlib import Path

PREDICTOR = '''
import json, time
from pathlib import Path

class MultiModalPredictor:
    """Predicts the label of the training product with the same first word of the title."""

    def __init__(self, label, problem_type, path, verbosity):
        self.label, self.path, self.problem_type = label, Path(path), problem_type

    def fit(self, train_data, column_types, hyperparameters, time_limit, seed):
        if hyperparameters.get("fail"):
            raise RuntimeError("out of luck")
        time.sleep(hyperparameters.get("sleep", 0))
        self.path.mkdir()
        told = {"columns": list(train_data.columns), "types": column_types, "problem": self.problem_type}
        told |= {"rows": len(train_data), "seed": seed, "time_limit": time_limit, "hyperparameters": hyperparameters}
        (self.path / "told.json").write_text(json.dumps(told))
        with Path(__file__).with_name("fits.txt").open("a") as file:
            file.write("fit\\n")
        words = train_data["title"].str.split().str[0]
        self.labels = dict(zip(words, train_data[self.label]))

    def predict(self, data, as_pandas):
        return [self.labels[title.split()[0]] for title in data["title"]]
'''

# Imported at once, unlike the real one.
TORCH = """
class cuda:
    is_available = staticmethod(lambda: False)
"""


def make_environment(folder: Path, version: str = "1.6.3") -> Path:
    """Write the environment into an empty folder and return its Python."""
    package = folder / "site/autogluon/multimodal"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PREDICTOR)
    (folder / "site/torch.py").write_text(TORCH)
    information = folder / f"site/autogluon.multimodal-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: autogluon.multimodal\nVersion: {version}\n")
    python = folder / "python"
    # Without the first argument, -I, under which Python would not read PYTHONPATH.
    python.write_text(f'#!/bin/sh\n[ "$1" = -I ] && shift\nPYTHONPATH="{folder}/site" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


def count_fits(python: Path) -> int:
    """Return how often a predictor was trained in an environment."""
    fits = python.with_name("site") / "autogluon/multimodal/fits.txt"
    return len(fits.read_text().splitlines()) if fits.is_file() else 0
