"""A synthetic sample catalogue in a layout of the challenge, to run the recipe without the challenge's data.

Texts, images, ids and label errors are all synthetic and drawn from a seed. Only the 27 product type codes, their
proportions and the file layouts are the challenge's. Writes `README.txt`, the tables, `hidden/` (the true test labels
and the wrong training labels) and the images. `sample.json` is written first; it lists all files, and is updated at the
end to say that they are complete. Files that are not on that list, or that have changed since, are never touched.
"""

from dataclasses import replace
from pathlib import Path

from latefusion.config import SampleConfig
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_text
from sample_catalogue.plan import LOOK_GROUPS, VAGUENESS, plan_products
from sample_catalogue.record import FIRST_LINE, Record, folder_lock, read_record
from sample_catalogue.write import IMAGE_FOLDERS, file_names, write_images, write_tables

DRAWING_VERSION = 1  # increase it when the same parameters give another sample
README = f"""{FIRST_LINE}

Everything in this folder is synthetic. The texts were put together from word lists, the images were drawn by a
program, the ids are random, and some training labels are wrong on purpose. It holds no data of the Rakuten challenge:
only the product type codes, their proportions and the layout of the files are the same.

hidden/y_test.csv       the true codes of the test products, to score with, never to train on
hidden/label_noise.csv  the training products whose given code is wrong
sample.json             what it was drawn from, whether it is complete, and the list of its files

Scores on this sample say that the program works. They say nothing about the real catalogue.
"""


def draw_sample(sample: SampleConfig, *, layout: str, root: Path) -> bool:
    """Draw the sample into `root` unless exactly this sample is there already; return whether it was drawn.

    Another sample, or one whose drawing was interrupted, is replaced. Raises InputError, and changes nothing, if the
    folder holds other files or files that have changed since they were drawn.
    """
    if layout not in IMAGE_FOLDERS:
        raise InputError(f"no sample for layout '{layout}'; choose one of: {', '.join(IMAGE_FOLDERS)}")
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a folder to draw the sample catalogue into")
    root.mkdir(parents=True, exist_ok=True)
    facts = {"look_groups": [list(codes) for codes in LOOK_GROUPS], "vagueness": VAGUENESS}
    parameters = {
        "drawing_version": DRAWING_VERSION, "layout": layout, "sample": sample.model_dump(mode="json"), "facts": facts,
    }  # fmt: skip
    with folder_lock(root):
        existing = read_record(root, parameters, lambda: file_names(plan_products(sample), layout))
        if existing.parameters == parameters and existing.is_intact(root):
            return False
        products = plan_products(sample)
        existing.remove_files(root)
        record = Record(parameters, dict.fromkeys(file_names(products, layout)))
        record.write(root)
        write_text(root / "README.txt", README)
        write_tables(products, root, layout)
        record.with_fingerprints(root).write(root)
        write_images(products, root, layout, seed=sample.seed, size=sample.image_size)
        replace(record.with_fingerprints(root), complete=True).write(root)
    return True
