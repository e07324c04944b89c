"""What must answer at once imports nothing heavy.

What answers without torch answers in well under a second; counting imports is a steadier test than a clock.
"""

import subprocess
import sys

import pytest
from helpers.workspace import REPOSITORY, SCRIPTS

HEAVY = ("cv2", "torch", "sklearn", "albumentations", "transformers", "timm")


def loaded_by(code: str, *heavy: str) -> str:
    """Return which modules are loaded after some code has run in a process of its own."""
    code += f"\nimport sys\nprint(sorted({set(heavy)} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=REPOSITORY / "src", check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("table", ["probabilities", "dataset", "predictions", "label_issues"])
def test_reading_a_table_is_light(table):
    assert loaded_by(f"import latefusion.tables.{table}", *HEAVY) == "[]"


def test_a_heavy_import_would_be_seen():
    assert loaded_by("import latefusion.images.store", *HEAVY) == "['cv2']"


PROBE = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as stop:
    loaded = {"torch", "pandas", "numpy", "cv2", "transformers"} & set(sys.modules)
    print(f"exit {stop.code}, loaded {sorted(loaded)}")
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_and_bad_configs_answer_without_heavy_imports(script):
    for arguments, code in {("--help",): 0, ("--set", "experts.x.y=1"): 2, ("--config", "none.yaml"): 2}.items():
        command = [sys.executable, "-c", PROBE, str(REPOSITORY / "src" / script), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert f"exit {code}, loaded []" in result.stdout, result.stderr


def test_describing_the_environment_is_light():
    command = (
        "import sys; from latefusion.utils.environment import run_environment; found = run_environment(); "
        "assert found['precision'] == 'fp32' and not {'torch', 'numpy', 'accelerate'} & set(sys.modules), found"
    )
    subprocess.run([sys.executable, "-c", command], check=True, cwd=REPOSITORY / "src")
