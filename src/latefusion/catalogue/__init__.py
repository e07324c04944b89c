"""Catalogues in, one canonical table of products out, whatever the layout.

`read_catalogue` reads the two layouts of the Rakuten challenge (`sigir`, `ens`) and a shop's own tables (`table`);
`inspect_images` looks at the image files, `apply_image_policy` decides what becomes of products whose image is bad.
"""

from latefusion.catalogue.canonical import read_catalogue, table_files
from latefusion.catalogue.labels import class_order, read_test_labels
from latefusion.catalogue.layouts import LAYOUTS, find_images

__all__ = [
    "LAYOUTS",
    "class_order",
    "find_images",
    "read_catalogue",
    "read_test_labels",
    "table_files",
]
