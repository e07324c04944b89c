"""A synthetic sample catalogue in the challenge's own layout, for trying everything out without the challenge's data.

All of it is synthetic, drawn by this project from a seed: texts, pictures, ids and label errors. Only the 27 product
type codes, their proportions and the file layouts are the challenge's. Writes `README.txt` first, then the tables,
`hidden/` (the true test labels and the wrong training labels) and the pictures, and `sample.json` last: a folder with
`sample.json` is complete, one with `README.txt` alone is an interrupted drawing.
"""

from pathlib import Path

from latefusion.config import SampleConfig
from latefusion.errors import InputError
from latefusion.files import read_json, remove, write_json, write_text
from latefusion.sample.plan import plan_products
from latefusion.sample.write import IMAGE_FOLDERS, TOP_LEVEL_NAMES, write_pictures, write_tables

DRAWING_VERSION = 1  # raise it when the same parameters give another sample
BEFORE_README = "README.txt.partial"  # all that an interruption can leave before README.txt
SIGN = "SYNTHETIC SAMPLE CATALOGUE, drawn by latefusion"
README = f"""{SIGN}

Everything in this folder is synthetic. The texts were put together from word lists, the pictures were drawn by a
program, the ids are random, and some training labels are wrong on purpose. It holds no data of the Rakuten challenge:
only the product type codes, their proportions and the layout of the files are the same.

hidden/y_test.csv       the true codes of the test products, to score with, never to train on
hidden/label_noise.csv  the training products whose given code is wrong
sample.json             what it was drawn from; written last, so without it the drawing was interrupted

Scores on this sample say that the program works. They say nothing about the real catalogue.
"""


def draw_sample(sample: SampleConfig, *, layout: str, root: Path) -> bool:
    """Draw the sample into `root`, unless it holds exactly this sample already; return whether it drew.

    Another sample, or one whose drawing was interrupted, is drawn anew. Raises InputError for a folder that holds
    anything else, and leaves that folder as it is.
    """
    if layout not in IMAGE_FOLDERS:
        raise InputError(f"there is no sample in layout '{layout}'; choose one of: {', '.join(IMAGE_FOLDERS)}")
    recipe = {"drawing_version": DRAWING_VERSION, "layout": layout, "sample": sample.model_dump(mode="json")}
    if _read_recipe(root) == recipe:
        return False
    _clear(root)
    products = plan_products(sample)
    write_tables(products, root, layout)
    write_pictures(products, root, layout, seed=sample.seed, size=sample.image_size)
    write_json(root / "sample.json", recipe)
    return True


def _read_recipe(root: Path) -> dict | None:
    """Return what a complete sample was drawn from, None where there is no complete sample."""
    try:
        recipe = read_json(root / "sample.json")
    except (OSError, ValueError):
        return None
    return recipe if isinstance(recipe, dict) and "drawing_version" in recipe else None


def _is_ours(root: Path) -> bool:
    """A folder is ours if it holds a sample, the start of a drawing, or nothing at all."""
    readme = root / "README.txt"
    started = readme.is_file() and readme.read_text(encoding="utf-8", errors="replace").startswith(SIGN)
    return started or _read_recipe(root) is not None or not {path.name for path in root.iterdir()} - {BEFORE_README}


def _clear(root: Path) -> None:
    """Leave `root` with our README.txt and none of the sample's other files, in an order that may be cut anywhere."""
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a folder to draw the sample catalogue into")
    root.mkdir(parents=True, exist_ok=True)
    if not _is_ours(root):
        raise InputError(
            f"{root}: holds files that the sample catalogue did not put there, so it is left as it is; "
            "name an empty folder, or move these files away"
        )
    write_text(root / "README.txt", README)
    remove(root / "sample.json")  # from here on the folder is not complete
    for name in TOP_LEVEL_NAMES:
        remove(root / name)
