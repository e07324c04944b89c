"""The notebooks run from top to bottom on a finished run, show what there is, and write nothing but figures.

They are committed with outputs, which are those of their present cells.
"""

import copy
import shutil
import sys
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

from latefusion.notebook.run import CONFIG, OVERRIDES, UNFINISHED, not_empty, open_run
from latefusion.utils.errors import InputError

sys.path.insert(0, str(REPOSITORY / "docs" / "generate"))
import run_notebooks

ALL = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
OWN_CATALOGUE = REPOSITORY / "notebooks" / "09_your_own_catalogue.ipynb"  # it makes its own run
NOTEBOOKS = [path for path in ALL if path != OWN_CATALOGUE]
SAMPLE = "configs/sample.yaml"
FIGURES = {
    "01_catalogue": {"class_sizes", "lengths", "missing", "duplicates", "twins", "examples"},
    "02_label_issues": {"classes", "margins", "suggested", "suspicious", "precision"},
    "03_destruction_and_construction": {"images", "displacements", "guesses", "losses"},
    "04_fusion_ablation": {"table", "gains", "oracle", "calibration"},
    "05_vote": {"disagreement", "adds", "size", "majority"},
    "06_errors": {"confusion", "pairs", "groups", "f1", "f1_size", "mistakes"},
    "07_walmart_policies": {"errors"},  # its policies are networks, which do not choose
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
STORED_FIGURES = {  # of the finished runs of configs/
    **FIGURES,
    **SEVERAL_FIGURES,
    "04_fusion_ablation": {"table", "gains", "policies", "oracle", "calibration"},
    "09_your_own_catalogue": {"scores", "mistakes"},
}
Execute = Callable[[Path, Workspace], nbformat.NotebookNode]


@pytest.fixture(scope="module")
def execute(tmp_path_factory) -> Iterator[Execute]:
    """A function that runs a notebook in a workspace and returns it with its outputs.

    One kernel for all, emptied before each: what takes its time is the start, and the imports.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPOSITORY / "src"))
        patch.setenv("TQDM_DISABLE", "1")
        for folder in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
            patch.setenv(folder, str(tmp_path_factory.mktemp(folder.lower())))
        client = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3", timeout=300)

        def run(path: Path, workspace: Workspace, **changes: str) -> nbformat.NotebookNode:
            notebook = nbformat.read(path, as_version=4)
            for old, new in changes.items():
                cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and old in cell.source)
                cell.source = cell.source.replace(old, new)
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
        "warnings.filterwarnings('ignore', 'IProgress not found')\n"  # of tqdm, without ipywidgets
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


def test_from_a_table_to_predictions_on_new_products(execute, workspace):
    """The notebook for shops, with a smaller shop: it runs offline, and writes where the scripts write."""
    shutil.copytree(REPOSITORY / "configs", workspace.folder / "configs")
    smaller = {"products=800": "products=300", "n_folds=3": "n_folds=2"}
    notebook = execute(OWN_CATALOGUE, workspace, **smaller)
    assert printed(notebook, "stderr") == ""
    assert len([cell for cell in nbformat.read(OWN_CATALOGUE, as_version=4).cells if cell.cell_type == "code"]) <= 10
    shop = workspace.folder / "data/example_shop"
    new, labels, review = (
        pd.read_csv(shop / f"{name}.csv", index_col=0, dtype={"unusual": str})
        for name in ("new", "labels", "labels-review")
    )
    assert sorted([*labels.index, *review.index]) == sorted(new.index)  # each is accepted or to be reviewed
    assert len(labels) > 5
    assert labels["confidence"].min() >= review.loc[review["unusual"].isna(), "confidence"].max()
    assert "known" in review.loc["X000001", "unusual"]  # the voucher among the lamps
    written = {path.name for path in workspace.folder.iterdir()}
    assert written == {"configs", "data", "models", "submissions", "weights"}
    assert {path.name for path in (workspace.folder / "weights/example_shop/figures").iterdir()} == {
        "09_your_own_catalogue_scores.png", "09_your_own_catalogue_mistakes.png"
    }  # fmt: skip
    before = (shop / "labels.csv").read_bytes()
    again = execute(OWN_CATALOGUE, workspace, **smaller)  # all cells once more: nothing is in the way, nothing changes
    assert printed(again, "stderr") == ""
    assert (shop / "labels.csv").read_bytes() == before


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_committed_outputs_are_those_of_the_present_cells(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert run_notebooks.faults(notebook) == []
    assert len(figures_in(notebook)) == len(STORED_FIGURES[path.stem])
    assert "Nothing to show" not in printed(notebook, "stdout")


def figures_in(notebook: nbformat.NotebookNode) -> list:
    return [output for output in outputs(notebook, "display_data") if "image/png" in output.data]


def test_faults_of_committed_outputs_are_found():
    stream = nbformat.v4.new_output("stream", name="stdout", text="The run weights/sample, of a config: 3 products.\n")
    cell = nbformat.v4.new_code_cell('run = open_run("01", "a.yaml")', execution_count=1, outputs=[stream])
    clean = nbformat.v4.new_notebook(cells=[cell])
    clean.metadata.latefusion = {"code": run_notebooks.code_hash(clean)}
    assert run_notebooks.faults(clean) == []

    def found(**changes) -> str:
        notebook = copy.deepcopy(clean)
        notebook.cells[0].update(changes)
        return "; ".join(run_notebooks.faults(notebook))

    def shows(kind: str, **content) -> str:
        return found(outputs=[nbformat.v4.new_output(kind, **content)])

    assert "not of its present cells" in found(source='run = open_run("01", "b.yaml")')
    assert "has no output" in found(outputs=[])
    assert "was not run in order" in found(execution_count=None)
    assert "has an error: KeyError" in shows("error", ename="KeyError", evalue="'a'", traceback=[])
    assert "has a warning: Old" in shows("stream", name="stderr", text="Old: use new")
    assert "names a path of this machine: /somewhere/run" in shows("stream", text="see '/somewhere/run/a.csv'")
    assert "colours" in shows("stream", text="\x1b[31mred\x1b[0m")
    assert "not finished" in shows("stream", text=f"{UNFINISHED}: vote.")
    assert "names a path" in shows("execute_result", data={"text/html": "<td>/home/a/b</td>", "text/plain": "a"})
    assert shows("execute_result", data={"text/html": "<b>5 / 6 mm</b></td>", "text/plain": "5 / 6"}) == ""
    assert "bytes" in shows("display_data", data={"image/png": "A" * 1_000_000})


def test_there_are_all_of_them():
    assert [path.stem for path in ALL] == list(STORED_FIGURES)


@pytest.fixture
def named(looked_at, monkeypatch) -> Workspace:
    monkeypatch.setenv(CONFIG, looked_at.config.name)
    monkeypatch.delenv(OVERRIDES, raising=False)
    return looked_at


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_a_run_is_opened_from_its_root_or_from_notebooks(named, monkeypatch, folder):
    (named.folder / folder).mkdir(exist_ok=True)
    monkeypatch.chdir(named.folder / folder)
    run = open_run("01_catalogue", SAMPLE)
    assert Path.cwd() == named.folder
    assert run.experiment.name == "tiny"
    assert set(run.scores("scores")["split"]) == {"test"}
    assert set(run.scores("scores", "valid")["split"]) == {"valid"}
    assert list(run.log("dcl_clean")["epoch"]) == [1]
    assert run.log("tfidf").empty


def test_a_notebook_shows_the_run_that_it_names_unless_another_is_asked_for(named, monkeypatch, capsys):
    monkeypatch.chdir(named.folder)
    monkeypatch.delenv(CONFIG)
    assert open_run("05_vote", named.config.name).experiment.name == "tiny"
    assert capsys.readouterr().out.startswith("The run weights/tiny, of tiny.yaml: 300 products, ")
    with pytest.raises(InputError, match=r"configs/sample\.yaml: there is no such config"):
        open_run("05_vote", SAMPLE)


def test_a_run_of_other_settings_is_opened_by_what_make_was_given(named, monkeypatch, capsys):
    monkeypatch.chdir(named.folder)
    monkeypatch.setenv(OVERRIDES, "--set experts.tfidf.min_df=3 --set vote.members=[one_layer]")
    run = open_run("05_vote", SAMPLE)
    assert run.experiment.vote_members == ("one_layer",)
    assert "Not done with the settings of the config: " in capsys.readouterr().out
    assert "tfidf" not in run.results.done


def test_what_cannot_be_opened_is_said_with_what_to_do(named, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"tiny\.yaml: there is no such config"):
        open_run("05_vote", SAMPLE)
    monkeypatch.setenv(CONFIG, str(named.config))
    with pytest.raises(InputError, match="weights/tiny has no run yet: run make submission CONFIG="):
        open_run("05_vote", SAMPLE)
    monkeypatch.chdir(named.folder)
    monkeypatch.setenv(OVERRIDES, "--set name=elsewhere")
    with pytest.raises(InputError, match="weights/elsewhere has no run yet"):
        open_run("05_vote", SAMPLE)
    monkeypatch.delenv(OVERRIDES)
    with pytest.raises(InputError, match=r"scores/nothing\.csv does not exist: run the step 'vote' first"):
        open_run("05_vote", SAMPLE).scores("nothing")


def test_images_that_have_gone_are_left_out(named, monkeypatch):
    monkeypatch.chdir(named.folder)
    run = open_run("06_errors", SAMPLE)
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
