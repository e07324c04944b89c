"""A synthetic sample catalogue in the challenge's own layout, for trying everything out without the challenge's data.

All of it is synthetic, drawn by this project from a seed: texts, images, ids and label errors. Only the 27 product
type codes, their proportions and the file layouts are the challenge's. Writes `README.txt`, the tables, `hidden/` (the
true test labels and the wrong training labels) and the images; `sample.json`, written first, lists them all, and says
in the end that they are complete. Files that are not on that list, or not as they were drawn, are never touched.
"""

from dataclasses import replace
from pathlib import Path

from latefusion.config import SampleConfig
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_text
from sample_catalogue.plan import LOOK_GROUPS, VAGUENESS, plan_products
from sample_catalogue.record import SIGN, Record, alone_in, read_record
from sample_catalogue.write import IMAGE_FOLDERS, file_names, write_images, write_tables

DRAWING_VERSION = 1  # raise it when the same parameters give another sample
README = f"""{SIGN}

Everything in this folder is synthetic. The texts were put together from word lists, the images were drawn by a
program, the ids are random, and some training labels are wrong on purpose. It holds no data of the Rakuten challenge:
only the product type codes, their proportions and the layout of the files are the same.

hidden/y_test.csv       the true codes of the test products, to score with, never to train on
hidden/label_noise.csv  the training products whose given code is wrong
sample.json             what it was drawn from, whether it is complete, and the list of its files

Scores on this sample say that the program works. They say nothing about the real catalogue.
"""


def draw_sample(sample: SampleConfig, *, layout: str, root: Path) -> bool:
    """Draw the sample into `root`, unless it holds exactly this sample already; return whether it drew.

    Another sample, or one whose drawing was interrupted, is drawn anew. Raises InputError for a folder that holds
    anything else, or files that are no longer those that were drawn, and leaves that folder as it is.
    """
    if layout not in IMAGE_FOLDERS:
        raise InputError(f"there is no sample in layout '{layout}'; choose one of: {', '.join(IMAGE_FOLDERS)}")
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a folder to draw the sample catalogue into")
    root.mkdir(parents=True, exist_ok=True)
    facts = {"look_groups": [list(codes) for codes in LOOK_GROUPS], "vagueness": VAGUENESS}
    recipe = {
        "drawing_version": DRAWING_VERSION, "layout": layout, "sample": sample.model_dump(mode="json"), "facts": facts,
    }  # fmt: skip
    with alone_in(root):
        there = read_record(root, recipe, lambda: file_names(plan_products(sample), layout))
        if there.recipe == recipe and there.is_whole(root):
            return False
        products = plan_products(sample)
        there.remove_files(root)
        record = Record(recipe, dict.fromkeys(file_names(products, layout)))
        record.write(root)
        write_text(root / "README.txt", README)
        write_tables(products, root, layout)
        record.marked(root).write(root)
        write_images(products, root, layout, seed=sample.seed, size=sample.image_size)
        replace(record.marked(root), complete=True).write(root)
    return True
