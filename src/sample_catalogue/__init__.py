"""A synthetic sample catalogue, to run the recipes without their data; in a layout of the challenge, or as a table.

Texts, images, ids and label errors are all synthetic and drawn from a seed. In the challenge's layouts, the 27 product
type codes and their proportions are the challenge's. As a table, products have several labels each, which are invented
too. Writes `README.txt`, the tables, `hidden/` (the true test labels and the wrong training labels) and the images.
`sample.json` is written first; it lists all files, and is updated at the end to say that they are complete. Files that
are not on that list, or that have changed since, are never touched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from latefusion.config import SampleConfig
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_text
from sample_catalogue import plan
from sample_catalogue.record import FIRST_LINE, Record, folder_lock, read_record
from sample_catalogue.several import plan as several
from sample_catalogue.write import IMAGE_FOLDERS, AnyProduct, file_names, write_images, write_tables

README = f"""{FIRST_LINE}

Everything in this folder is synthetic. The texts were put together from word lists, the images were drawn by a
program, the ids are random, and some training labels are wrong on purpose. It holds no data of the Rakuten challenge:
only the product type codes, their proportions and the layout of the files are the same.

hidden/y_test.csv       the true codes of the test products, to score with, never to train on
hidden/label_noise.csv  the training products whose given code is wrong
sample.json             what it was drawn from, whether it is complete, and the list of its files

Scores on this sample say that the program works. They say nothing about the real catalogue.
"""
README_OF_SEVERAL = f"""{FIRST_LINE}

Everything in this folder is synthetic. The texts were put together from word lists, the images were drawn by a
program, and some training labels are wrong on purpose. It holds no data of Walmart or Amazon. Each product has several
labels: department and type, and for some of them a colour or a pattern (which only the image shows), a feature (only
the description) and a theme (only the title).

products.csv            training products with their labels, separated by |
test_products.csv       products to predict
hidden/y_test.csv       the true labels of the test products, to score with, never to train on
hidden/label_noise.csv  the training products whose given labels are wrong
sample.json             what it was drawn from, whether it is complete, and the list of its files

Scores on this sample say that the program works. They say nothing about a real catalogue.
"""


@dataclass(frozen=True)
class Kind:
    """One of the two catalogues that can be drawn."""

    version: int  # increase it when the same parameters give another sample
    facts: dict  # for reports
    readme: str
    plan: Callable[[SampleConfig], Sequence[AnyProduct]]


ONE_LABEL = Kind(
    1, {"look_groups": [list(codes) for codes in plan.LOOK_GROUPS], "vagueness": plan.VAGUENESS}, README,
    plan.plan_products,
)  # fmt: skip
SEVERAL_LABELS = Kind(
    1, {"vagueness": several.VAGUENESS, "shares": several.SHARES}, README_OF_SEVERAL, several.plan_products
)
KINDS = {"sigir": ONE_LABEL, "ens": ONE_LABEL, "table": SEVERAL_LABELS}  # by layout


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
    kind = KINDS[layout]
    drawn_from = {"layout": layout, "sample": sample.model_dump(mode="json")}
    parameters = {"drawing_version": kind.version, **drawn_from, "facts": kind.facts}
    with folder_lock(root):
        existing = read_record(root, parameters, lambda: file_names(kind.plan(sample), layout))
        if existing.parameters == parameters and existing.is_intact(root):
            return False
        products = kind.plan(sample)
        existing.remove_files(root)
        record = Record(parameters, dict.fromkeys(file_names(products, layout)))
        record.write(root)
        write_text(root / "README.txt", kind.readme)
        write_tables(products, root, layout)
        record.with_fingerprints(root).write(root)
        write_images(products, root, layout, seed=sample.seed, size=sample.image_size)
        replace(record.with_fingerprints(root), complete=True).write(root)
    return True
