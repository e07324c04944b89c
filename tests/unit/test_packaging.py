"""The package's own description: one version everywhere, and no dependency that is not pinned."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
# Names that are imported by another name than that of their distribution.
IMPORTED_AS = {
    "cv2": "opencv-python-headless", "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "PyYAML",
    "charset_normalizer": "charset-normalizer",
}  # fmt: skip
# matplotlib and IPython are for notebooks; pydantic_core comes with pydantic.
NOT_OF_THE_LIBRARY = {"matplotlib", "IPython", "pydantic_core", "latefusion", "sample_catalogue"}


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def pinned() -> dict[str, str]:
    files = REPOSITORY.glob("requirements*.txt")
    lines = [line for path in files for line in path.read_text().splitlines()]
    return dict(line.split("==") for line in lines if "==" in line)


def test_one_version_everywhere():
    version = project()["version"]
    assert yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())["version"] == version
    releases = re.findall(r"^## \[?([0-9.]+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[0] == version


def test_every_dependency_is_pinned():
    extras = [name for names in project()["optional-dependencies"].values() for name in names]
    assert set(project()["dependencies"]) | set(extras) <= set(pinned())


def test_every_import_of_the_library_is_a_dependency():
    imported = set()
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.split(".")[0])
    third_party = imported - set(sys.stdlib_module_names) - NOT_OF_THE_LIBRARY
    assert {IMPORTED_AS.get(name, name) for name in third_party} <= set(project()["dependencies"])
