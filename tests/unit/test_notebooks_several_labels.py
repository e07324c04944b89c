"""The notebooks of a run whose products have several labels: they run, and say what does not apply."""

import json
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from helpers.results import SEVERAL, make_up
from helpers.workspace import REPOSITORY

from latefusion.fusion.vote import vote
from latefusion.notebook import run as notebook_run
from latefusion.notebook.plots import STYLE
from latefusion.plan.planning import plan
from latefusion.scores.write import write_scores
from latefusion.utils.files import write_json

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("0[1-8]*.ipynb"))  # those that show a run
FIGURES = {
    "01_catalogue": {"class_sizes", "lengths", "missing"},
    "04_fusion_ablation": {"table", "gains", "policies", "oracle", "calibration"},
    "05_vote": {"disagreement", "adds", "size", "majority"},
    "06_errors": {"confusion", "pairs", "groups", "f1", "f1_size"},
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that opens a made-up run for a notebook."""
    made_up = make_up(tmp_path, monkeypatch, num_classes=7, n=200, **SEVERAL)
    products = made_up.dataset.products
    products["description"], products["image"] = None, None
    products.iloc[::3, products.columns.get_loc("split")] = "train"
    for number, name in enumerate(["words", "letters", "images", "product", "network", "other_network"]):
        made_up.draw(name, 0.5 + 0.05 * number, seed=10 * number + 5)
    job = plan(made_up.experiment)["vote"]
    vote(made_up.experiment, made_up.dataset, job)
    write_json(job.run_dir / "job.json", {})
    made_up.submit()
    write_scores(made_up.experiment, made_up.dataset)
    monkeypatch.setattr(notebook_run.Run, "duplicates", lambda run: {})
    return lambda name, config: notebook_run.Run(name, made_up.results)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_with_several_labels(run, monkeypatch, capsys, path):
    monkeypatch.setattr(notebook_run, "open_run", run)
    monkeypatch.setattr(notebook_run, "display", lambda figure: None)
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    names: dict = {}
    with matplotlib.rc_context(STYLE | {"figure.dpi": 40, "savefig.dpi": 40}):
        for cell in cells:
            exec("".join(cell["source"]), names)
    plt.close("all")
    drawn = {file.stem.removeprefix(f"{path.stem}_") for file in Path("weights/made/figures").glob("*.png")}
    assert drawn >= FIGURES.get(path.stem, set())
    told = capsys.readouterr().out
    if path.stem == "06_errors":
        assert "Products have several labels" in told
    if path.stem == "02_label_issues":
        assert "Nothing to show" in told
