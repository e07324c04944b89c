"""The layout of src: packages in layers, one place that knows the scripts, and few enough boxes to draw."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.workspace import REPOSITORY

from latefusion.steps.scripts import SCRIPTS

SRC = REPOSITORY / "src"
LIBRARY = SRC / "latefusion"
# Packages of latefusion, each of which imports from those before it alone.
LAYERS = (
    "utils",
    "metrics",
    "config",
    "images",
    "catalogue",
    "dataset",
    "plan",
    "tables",
    "training",
    "experts",
    "denoise",
    "fusion",
    "submission",
    "scores",
    "report",
    "predictor",
    "service",
    "notebook",
    "steps",
)
SCRIPT_NAME = re.compile(r"\b\d\d_[a-z_]+\.py\b")
FUNCTION_NAME = re.compile(r"[a-z_]+(\.\w+)+:\w+")  # package.module:function, imported when it is needed
MOST_BOXES = 37  # that a reader can keep in mind, and that fit into one figure


def imports(path: Path, package: tuple[str, ...]) -> Iterator[str]:
    """Yield the modules that a module imports, at its top or in a function, or names as `package.module:function`.

    `package` is where the module lies, for relative imports. What is imported for annotations alone does not count.
    """
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)  # `from latefusion import plan` too
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and FUNCTION_NAME.fullmatch(node.value):
            yield node.value.partition(":")[0]
        pending += ast.iter_child_nodes(node)


def arrows(src: Path) -> dict[tuple[str, str], list[str]]:
    """Return which package imports from which: each arrow with the modules that it comes from.

    Packages of latefusion go by their own name, all else by the name of its top folder or script.
    """
    found: dict[tuple[str, str], list[str]] = {}
    known = {path.name for path in src.iterdir() if path.is_dir()}
    for path in sorted(src.rglob("*.py")):
        inside = path.relative_to(src).parts
        here = _box(inside)
        for module in imports(path, inside[:-1]):
            parts = tuple(module.split("."))
            if parts[0] in known and (there := _box(parts)) != here:
                found.setdefault((here, there), []).append("/".join(inside))
    return found


def _box(parts: tuple[str, ...]) -> str:
    return parts[1] if parts[0] == "latefusion" and len(parts) > 1 else parts[0]


def against_the_layers(found: dict[tuple[str, str], list[str]], layers: tuple[str, ...]) -> list[str]:
    """Return the arrows between layers that go up, or to what is no layer."""
    rank = {layer: number for number, layer in enumerate(layers)}
    return [
        f"{here} imports {there}: {', '.join(modules)}"
        for (here, there), modules in found.items()
        if here in rank and rank.get(there, len(layers)) >= rank[here]
    ]


def boxes(src: Path) -> set[str]:
    """Return the numbered scripts, the packages of latefusion and the other packages."""
    scripts = {path.name for path in src.glob("*.py")}
    packages = {path.name for folder in (src, src / "latefusion") for path in folder.iterdir() if path.is_dir()}
    return (scripts | packages) - {"latefusion", "__pycache__"}


def naming_scripts(src: Path) -> set[str]:
    """Return the packages of latefusion whose source names a numbered script, in code, strings or comments."""
    paths = (src / "latefusion").rglob("*.py")
    return {_box(path.relative_to(src).parts) for path in paths if SCRIPT_NAME.search(path.read_text(encoding="utf-8"))}


def test_no_module_lies_beside_the_packages():
    assert [path.name for path in LIBRARY.glob("*.py")] == ["__init__.py"]


def test_the_layers_are_all_packages():
    assert boxes(SRC) - set(SCRIPTS.values()) == {*LAYERS, "sample_catalogue"}


def test_imports_go_down():
    found = arrows(SRC)
    assert len(found) > 50  # it reads something
    assert against_the_layers(found, LAYERS) == []


def test_the_library_imports_no_sample():
    assert [
        modules for (here, there), modules in arrows(SRC).items() if there == "sample_catalogue" and here in LAYERS
    ] == []


def test_the_steps_alone_name_scripts():
    assert naming_scripts(SRC) == {"steps"}


def test_every_script_has_a_step():
    assert sorted(SCRIPTS.values()) == sorted(path.name for path in SRC.glob("*.py"))
    assert all(SCRIPT_NAME.fullmatch(script) for script in SCRIPTS.values())


def test_there_are_few_boxes():
    assert len(boxes(SRC)) <= MOST_BOXES


def test_tests_share_helpers_and_import_no_other_test():
    modules = sorted((REPOSITORY / "tests").rglob("*.py"))
    private = {path.stem for path in modules if path.stem.startswith("test_")} | {"conftest"}
    assert len(private) > 50
    names = [path.name for path in modules if path.stem in private and path.stem != "conftest"]
    assert len(names) == len(set(names))  # pytest needs base names that differ
    found = {path.name: {module.partition(".")[0] for module in imports(path, ())} & private for path in modules}
    assert {name: those for name, those in found.items() if those} == {}


@pytest.fixture
def made_up(tmp_path) -> Path:
    """A source tree with one import of each form; plan stands above tables here."""
    sources = {
        "01_do.py": "from latefusion.steps import do\n",
        "latefusion/__init__.py": "",
        "latefusion/utils/files.py": "import os\nfrom pathlib import Path\n",
        "latefusion/plan/jobs.py": "from latefusion.utils import files\ndef late():\n    import latefusion.tables.x\n",
        "latefusion/plan/kinds.py": "ROW = 'latefusion.steps.do:work'\nPROSE = 'see latefusion.notebook: it draws'\n",
        "latefusion/tables/x.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from latefusion.plan import jobs\n"
            "else:\n    from ..utils import files\n"
        ),
        "latefusion/tables/y.py": "from latefusion import utils\nfrom . import x\nimport sample_catalogue.draw\n",
        "latefusion/steps/do.py": '"""Calls 01_do.py."""\n',
        "sample_catalogue/draw.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_reader_finds_every_form_of_import_and_what_goes_up(made_up):
    found = arrows(made_up)
    assert found == {
        ("01_do.py", "steps"): ["01_do.py"],
        ("plan", "utils"): ["latefusion/plan/jobs.py"],
        ("plan", "tables"): ["latefusion/plan/jobs.py"],
        ("plan", "steps"): ["latefusion/plan/kinds.py"],
        ("tables", "utils"): ["latefusion/tables/x.py", "latefusion/tables/y.py"],
        ("tables", "sample_catalogue"): ["latefusion/tables/y.py"],
    }
    assert against_the_layers(found, ("utils", "tables", "plan", "steps")) == [
        "plan imports steps: latefusion/plan/kinds.py",
        "tables imports sample_catalogue: latefusion/tables/y.py",
    ]
    assert "plan imports tables: latefusion/plan/jobs.py" in against_the_layers(found, ("utils", "plan", "tables"))


def test_the_reader_finds_scripts_and_boxes(made_up):
    assert boxes(made_up) == {"01_do.py", "utils", "plan", "tables", "steps", "sample_catalogue"}
    assert naming_scripts(made_up) == {"steps"}
    (made_up / "latefusion/plan/jobs.py").write_text("# begun by 02_train_text.py\n")
    assert naming_scripts(made_up) == {"steps", "plan"}
