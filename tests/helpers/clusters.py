"""What a cluster predicts, for comparison with one process."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

TITLES = ["bright lamp for reading", "leather shoe size nine", "mug for coffee"]
HOSTILE = '=cmd|"/C calc"!A1\x00\u202e\n`,;\'"\\ \U0001f600 <script>' + "lamp " * 2000


def new_products(folder: Path, n: int = 60) -> pd.DataFrame:
    """Return products with and without texts and images, with the images in `folder`."""
    folder.mkdir()
    images = []
    for number in range(n):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        images.append(f"{number}.png")
        cv2.imwrite(str(folder / images[-1]), pixels)
    (folder / "0.png").write_bytes(b"half")
    table = pd.DataFrame({"id": [f"n{number}" for number in range(n)], "title": (TITLES * n)[:n], "image": images})
    table.loc[table.index % 3 == 1, "image"] = None
    table.loc[table.index % 4 == 1, "title"] = ""
    table.loc[2, "title"], table.loc[7, "title"] = HOSTILE, None
    return table.sample(frac=1, random_state=0).reset_index(drop=True)


def assert_same(table: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare a cluster's table with that of `Predictor.predict`, row for row by id."""
    table = table.sort_values("id").set_index("id")
    expected = expected.sort_index()
    assert list(table.index) == list(expected.index)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, check_index_type=False, atol=1e-6)
