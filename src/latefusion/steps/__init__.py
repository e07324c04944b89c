"""The functions that the numbered scripts call; the only package that knows the names of the scripts.

A script imports this package first. So a Python that does not have the project's packages is found here, and the script
ends with a message instead of a traceback.
"""

import sys
from importlib.util import find_spec

NEEDED = ("yaml", "pydantic", "tqdm", "numpy", "pandas", "torch")  # those that every experiment needs

if absent := [name for name in NEEDED if find_spec(name) is None]:
    print(
        f"error: {sys.executable} does not have the packages of this project ({', '.join(absent)}). Use the project's "
        "environment: `make env` makes it, `. .venv/bin/activate` enters it; or install requirements.txt here",
        file=sys.stderr,
    )
    sys.exit(2)
