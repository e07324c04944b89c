"""Read a catalogue of any layout into one table of products.

Layouts: the two of the Rakuten challenge (`sigir`, `ens`), and a shop's own tables (`table`). `read_catalogue` returns
the products, `find_images` the paths of their images. The image files are checked in `latefusion.images.inspection`.
"""

from latefusion.catalogue.canonical import (
    Reading,
    apply_choices,
    read_before_choices,
    read_catalogue,
    read_image_cells,
    read_with_issues,
    table_files,
)
from latefusion.catalogue.label_choices import read_label_choices
from latefusion.catalogue.labels import class_order, leave_out_rare, read_test_labels
from latefusion.catalogue.layouts import LAYOUTS, find_images
from latefusion.catalogue.new_products import NewProducts, read_new_products
from latefusion.catalogue.report import describe_catalogue, to_markdown

__all__ = [
    "LAYOUTS",
    "NewProducts",
    "Reading",
    "apply_choices",
    "class_order",
    "describe_catalogue",
    "find_images",
    "leave_out_rare",
    "read_before_choices",
    "read_catalogue",
    "read_image_cells",
    "read_label_choices",
    "read_new_products",
    "read_test_labels",
    "read_with_issues",
    "table_files",
    "to_markdown",
]
