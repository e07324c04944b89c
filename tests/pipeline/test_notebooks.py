"""The notebooks run from top to bottom on a finished run, show what there is, and write nothing but figures."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pandas as pd
import pytest
from helpers.tables import shop_products, table_config, write_table
from helpers.workspace import REPOSITORY, Workspace, record_again
from nbclient import NotebookClient

from latefusion.notebook.run import CONFIG, OVERRIDES, not_empty, open_run
from latefusion.utils.errors import InputError

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
FIGURES = {
    "01_catalogue": {"class_sizes", "lengths", "missing", "duplicates", "twins", "examples"},
    "02_label_issues": {"classes", "margins", "suggested", "suspicious", "precision"},
    "03_destruction_and_construction": {"images", "displacements", "guesses", "losses"},
    "04_fusion_ablation": {"table", "gains", "oracle", "calibration"},
    "05_vote": {"disagreement", "adds", "size", "majority"},
    "06_errors": {"confusion", "pairs", "groups", "f1", "f1_size", "mistakes"},
    "07_walmart_policies": {"policies", "errors"},
    "08_amazon_fusion": {"inputs", "gains", "missed"},
}
BARE_FIGURES = {
    "01_catalogue": {"class_sizes", "lengths", "missing"},
    "02_label_issues": set(),
    "03_destruction_and_construction": {"displacements"},
    "04_fusion_ablation": {"table", "gains", "calibration"},
    "05_vote": set(),
    "06_errors": {"f1", "f1_size"},
    "07_walmart_policies": set(),
    "08_amazon_fusion": {"inputs"},
}
SEVERAL_FIGURES = {  # of products with several labels
    "07_walmart_policies": {"policies", "errors", "map", "cost"},
    "08_amazon_fusion": {"inputs", "gains", "missed"},
}
Execute = Callable[[Path, Workspace], nbformat.NotebookNode]


@pytest.fixture(scope="module")
def execute(tmp_path_factory) -> Iterator[Execute]:
    """A function that runs a notebook in a workspace and returns it with its outputs.

    One kernel for all, emptied before each: what takes its time is the start, and the imports.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPOSITORY / "src"))
        for folder in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
            patch.setenv(folder, str(tmp_path_factory.mktemp(folder.lower())))
        client = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3", timeout=120)

        def run(path: Path, workspace: Workspace) -> nbformat.NotebookNode:
            notebook = nbformat.read(path, as_version=4)
            notebook.cells[:0] = [nbformat.v4.new_code_cell(source) for source in ("%reset -f", start_in(workspace))]
            client.nb = notebook
            for number, cell in enumerate(notebook.cells):
                client.execute_cell(cell, number)
            return notebook

        with client.setup_kernel():
            yield run


def start_in(workspace: Workspace) -> str:
    """Return what a notebook's kernel does first: any warning is an error from here on."""
    return (
        "import os, warnings\n"
        "warnings.simplefilter('error')\n"
        f"os.chdir({str(workspace.folder)!r})\n"
        f"os.environ['{CONFIG}'] = {workspace.config.name!r}\n"
    )


@pytest.fixture(scope="module")
def looked_at(trained_run, tmp_path_factory) -> Workspace:
    """A copy of the finished experiment, for other tests look at what lies in its folder; its products are twins."""
    workspace = trained_run.copy(tmp_path_factory.mktemp("looked_at") / "copy")
    table = pd.read_parquet(workspace.run_root / "catalogue" / "products.parquet")
    table.assign(group=np.arange(len(table)) // 2).to_parquet(workspace.run_root / "catalogue" / "products.parquet")
    record_again(workspace.run_root / "catalogue")
    return workspace


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Workspace:
    """A shop with texts alone, no test label, no denoising, one expert, one policy; its titles are hard to draw."""
    workspace = Workspace(tmp_path_factory.mktemp("bare"))
    rows = shop_products()
    for row in rows:
        row["title"] += " $5 or $6 \u706f"
    write_table(workspace, "products.csv", rows)
    write_table(workspace, "new.csv", [{"id": "new", "title": "reading lamp"}])
    experiment = table_config()
    experiment["catalogue"]["test_products"] = "new.csv"
    workspace.write_config(experiment | {"split": {"valid_fraction": 0.4}})
    workspace.run_all()
    return workspace


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list:
    return [output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == kind]


def printed(notebook: nbformat.NotebookNode, name: str) -> str:
    return "".join(stream.text for stream in outputs(notebook, "stream") if stream.name == name)


def figures(workspace: Workspace, notebook: Path) -> dict[str, Path]:
    paths = (workspace.run_root / "figures").glob(f"{notebook.stem}_*.png")
    return {path.stem.removeprefix(f"{notebook.stem}_"): path for path in paths}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_writes_its_figures_and_nothing_else(execute, looked_at, path):
    before = looked_at.snapshot()
    notebook = execute(path, looked_at)
    assert printed(notebook, "stderr") == ""
    drawn = figures(looked_at, path)
    assert set(drawn) == FIGURES[path.stem]
    for file in drawn.values():
        image = cv2.imread(str(file))
        assert image.shape[1] == 900
        assert (image < 250).any(axis=2).mean() > 0.01  # not blank
        assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10
    shown = [output for output in outputs(notebook, "display_data") if "image/png" in output.data]
    assert len(shown) == len(drawn)  # each once
    after = looked_at.snapshot()
    new = {name for name in after if name not in before}
    assert new == {str(file.relative_to(looked_at.folder)) for file in drawn.values()}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_so_where_there_is_nothing_to_show(execute, bare, path):
    notebook = execute(path, bare)
    assert printed(notebook, "stderr") == ""
    drawn = set(figures(bare, path))
    assert BARE_FIGURES[path.stem] <= drawn <= FIGURES[path.stem]
    missing = FIGURES[path.stem] - drawn
    assert printed(notebook, "stdout").count("Nothing to show: ") >= len(missing)


@pytest.mark.parametrize("name", SEVERAL_FIGURES)
def test_a_notebook_draws_all_of_a_run_of_the_papers(execute, several_run, tmp_path, name):
    workspace = several_run.copy(tmp_path / "copy")
    path = REPOSITORY / "notebooks" / f"{name}.ipynb"
    notebook = execute(path, workspace)
    assert printed(notebook, "stderr") == ""
    assert set(figures(workspace, path)) == SEVERAL_FIGURES[name]
    assert "Nothing to show" not in printed(notebook, "stdout")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_there_are_all_of_them():
    assert [path.stem for path in NOTEBOOKS] == list(FIGURES)


@pytest.fixture
def named(looked_at, monkeypatch) -> Workspace:
    monkeypatch.setenv(CONFIG, looked_at.config.name)
    monkeypatch.delenv(OVERRIDES, raising=False)
    return looked_at


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_a_run_is_opened_from_its_root_or_from_notebooks(named, monkeypatch, folder):
    (named.folder / folder).mkdir(exist_ok=True)
    monkeypatch.chdir(named.folder / folder)
    run = open_run("01_catalogue")
    assert Path.cwd() == named.folder
    assert run.experiment.name == "tiny"
    assert set(run.scores("scores")["split"]) == {"test"}
    assert set(run.scores("scores", "valid")["split"]) == {"valid"}
    assert list(run.log("dcl_clean")["epoch"]) == [1]
    assert run.log("tfidf").empty


def test_a_run_of_other_settings_is_opened_by_what_make_was_given(named, monkeypatch, capsys):
    monkeypatch.chdir(named.folder)
    monkeypatch.setenv(OVERRIDES, "--set experts.tfidf.min_df=3 --set vote.members=[one_layer]")
    run = open_run("05_vote")
    assert run.experiment.vote_members == ("one_layer",)
    assert "Not done with the settings of the config: " in capsys.readouterr().out
    assert "tfidf" not in run.results.done


def test_what_cannot_be_opened_is_said_with_what_to_do(named, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"tiny\.yaml: there is no such config"):
        open_run("05_vote")
    monkeypatch.setenv(CONFIG, str(named.config))
    with pytest.raises(InputError, match="weights/tiny has no run yet: run make submission CONFIG="):
        open_run("05_vote")
    monkeypatch.chdir(named.folder)
    monkeypatch.setenv(OVERRIDES, "--set name=elsewhere")
    with pytest.raises(InputError, match="weights/elsewhere has no run yet"):
        open_run("05_vote")
    monkeypatch.delenv(OVERRIDES)
    with pytest.raises(InputError, match=r"scores/nothing\.csv does not exist: run the step 'vote' first"):
        open_run("05_vote").scores("nothing")


def test_images_that_have_gone_are_left_out(named, monkeypatch):
    monkeypatch.chdir(named.folder)
    run = open_run("06_errors")
    table = run.dataset.products[["title"]].head(4)
    products = run.dataset.products.copy()
    products.loc[products.index[:2], "image"] = [None, "gone.jpg"]
    elsewhere = replace(run, results=replace(run.results, dataset=replace(run.dataset, products=products)))
    assert list(elsewhere.with_images(table).index) == list(table.index[2:])
    assert elsewhere.with_images(table[:0]).empty


def test_not_empty_prints_why_there_is_nothing(capsys):
    assert not_empty([1], "no values")
    assert capsys.readouterr().out == ""
    assert not not_empty(pd.DataFrame(), "no values")
    assert capsys.readouterr().out == "Nothing to show: no values.\n"
