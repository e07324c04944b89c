"""Run the notebooks from top to bottom, and store them with their outputs.

    python docs/generate/run_notebooks.py [06_errors ...]

`make notebooks` does it for all, and first makes the runs that they show. What changes from one execution to the next
(times, versions of Python) is not stored, so running them again on the same runs changes nothing. A notebook whose
outputs have a fault, see `faults`, is not stored.
"""

import ast
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from traitlets.config import Config

from latefusion.notebook.run import CONFIG, OVERRIDES, UNFINISHED

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "notebooks"
COMMAND = "make notebooks"
MOST_BYTES = 1_000_000  # of one notebook
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Libraries draw progress bars; in a notebook without ipywidgets, tqdm warns that they are plain.
QUIET = {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore:IProgress not found"}
ABSOLUTE_PATH = re.compile(r"(?:^|[\s'\"(=\[>])(/[\w.-]+/[\w./-]+)", re.MULTILINE)
ANSI = "\x1b["


def main(names: list[str]) -> None:
    """Run the notebooks of these names, or all."""
    paths = sorted(FOLDER.glob("*.ipynb"))
    if unknown := sorted(set(names) - {path.stem for path in paths}):
        sys.exit(f"error: no such notebook: {', '.join(unknown)}; there are {', '.join(path.stem for path in paths)}")
    for path in [path for path in paths if not names or path.stem in names]:
        notebook = nbformat.read(path, as_version=4)
        try:
            execute(notebook)
        except CellExecutionError as error:
            sys.exit(f"error: {path.name}: a cell failed, and nothing is stored:\n{error.ename}: {error.evalue}")
        if found := faults(notebook):
            sys.exit("\n".join([f"error: {path.name} is not stored:", *(f"  {fault}" for fault in found)]))
        nbformat.write(notebook, path)
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size / 1000:.0f} kB")


def execute(notebook: NotebookNode) -> None:
    """Run a notebook in the repository's root, with the configs that it names; keep what does not change by itself."""
    environment = {name: value for name, value in os.environ.items() if name not in (CONFIG, OVERRIDES)}
    sources = [str(REPOSITORY / "src"), *filter(None, [environment.get("PYTHONPATH")])]
    with tempfile.TemporaryDirectory() as own:  # no settings and start-up files of the user's IPython
        environment |= {"PYTHONPATH": os.pathsep.join(sources), "IPYTHONDIR": own, "JUPYTER_CONFIG_DIR": own} | QUIET
        local = Config({"KernelManager": {"transport": "ipc"}})  # no ports, about which the kernel warns
        client = NotebookClient(notebook, kernel_name="python3", timeout=1800, coalesce_streams=True, config=local)
        client.execute(cwd=str(REPOSITORY), env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = nbformat.from_dict(METADATA | {"latefusion": {"code": code_hash(notebook)}})


def code_hash(notebook: NotebookNode) -> str:
    """Return a hash of the sources of the code cells, and of nothing else."""
    return hashlib.sha256("\0".join(cell.source for cell in _code(notebook)).encode()).hexdigest()


def faults(notebook: NotebookNode) -> list[str]:
    """Return what must not be committed; empty if the outputs are those of the present cells, all there and clean."""
    found = []
    if notebook.metadata.get("latefusion", {}).get("code") != code_hash(notebook):
        found.append(f"its outputs are not of its present cells: {COMMAND}")
    if len(nbformat.writes(notebook).encode()) > MOST_BYTES:
        found.append(f"it has more than {MOST_BYTES:,} bytes")
    for number, cell in enumerate(_code(notebook), 1):
        if cell.execution_count != number:
            found.append(f"code cell {number} was not run in order")
        if _shows_something(cell.source) and not cell.outputs:
            found.append(f"code cell {number} has no output")
        found += [f"code cell {number} {fault}" for output in cell.outputs for fault in _faults_of(output)]
    return found


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _shows_something(source: str) -> bool:
    """Return whether a cell ends in a value, or prints or displays something."""
    statements = ast.parse(source).body
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
    ends_in_value = bool(statements) and isinstance(statements[-1], ast.Expr)
    return ends_in_value or bool(calls & {"print", "display", "run.save", "open_run", "not_empty"})


def _faults_of(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "error":
        yield f"has an error: {output.ename}"
    if output.output_type == "stream" and output.name == "stderr":
        yield f"has a warning: {output.text.strip()[:200]}"
    for text in _texts(output):
        if UNFINISHED in text:
            yield f"shows a run that is not finished: {text.strip()[:200]}"
        if ANSI in text:
            yield "has colours of a terminal"
        if path := ABSOLUTE_PATH.search(text):
            yield f"names a path of this machine: {path[1]}"


def _texts(output: NotebookNode) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    return [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]


if __name__ == "__main__":
    main(sys.argv[1:])
