"""Products with several images.

As a table is read, `image` holds the paths of a product's images, one per line. When they are checked, `image` becomes
the first that can be used. With `catalogue.images_per_product: mean`, the column `more_images` has the others, one per
line; without such a column, every product has one image.
"""

import numpy as np
import pandas as pd

MORE = "more_images"


def list_images(images: pd.Series) -> pd.Series:
    """Return one path per row, in the products' order; index: that of the product, several times. None are left out."""
    named = images.dropna()
    if not named.str.contains("\n", regex=False).any():
        return named
    return named.str.split("\n").explode().astype("str")


def use_images(
    products: pd.DataFrame, listed: pd.Series, bad: pd.DataFrame, *, keep_all: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the products with the images that can be used, and the rows of `bad` of products that have none.

    `listed` are all images (see `list_images`), `bad` those that cannot be used (index: id; columns `image` and
    `reason`). `image` becomes the first usable one, or if there is none, the first; with `keep_all`, `more_images` has
    the others. A product has at most one row in what is returned of `bad`.
    """
    faulty = set(zip(bad.index, bad["image"], strict=True))
    usable = listed[[key not in faulty for key in zip(listed.index, listed, strict=True)]]
    is_first = ~usable.index.duplicated()
    first = usable[is_first].reindex(products.index)
    lacking = bad[~bad.index.isin(usable.index)]
    lacking = lacking[~lacking.index.duplicated()]
    first = first.fillna(lacking["image"].reindex(products.index))
    products = products.assign(image=first.astype("str"))
    if keep_all:
        others: dict[str, list[str]] = {}
        for id_, path in usable[~is_first].items():
            others.setdefault(id_, []).append(path)
        lines = pd.Series({id_: "\n".join(paths) for id_, paths in others.items()}, dtype="str")
        products[MORE] = lines.reindex(products.index).astype("str")
    return products, lacking


def further_images(products: pd.DataFrame) -> dict[str, list[str]]:
    """Return the paths of a product's images after the first, by id, of products that have any."""
    if MORE not in products:
        return {}
    others = products[MORE].dropna()
    return dict(zip(others.index, others.str.split("\n"), strict=True))


def count_images(products: pd.DataFrame) -> np.ndarray:
    """Return (N,) numbers of images; 1 for a product without an image, which is read as a white one."""
    if MORE not in products:
        return np.ones(len(products), dtype=np.int64)
    return (products[MORE].str.count("\n").add(2).fillna(1)).to_numpy(dtype=np.int64)


def number_images(ids: pd.Index, counts: np.ndarray) -> list[tuple[str, int]]:
    """Return the id and the number, from 0, of each image, product after product."""
    return [(id_, number) for id_, count in zip(ids, counts, strict=True) for number in range(count)]


def all_paths(products: pd.DataFrame) -> list[str | None]:
    """Return the paths of all images, product after product; None for a product without an image."""
    further = further_images(products)
    images = products["image"].astype(object).where(products["image"].notna(), None)
    return [path for id_, image in images.items() for path in (image, *further.get(id_, ()))]


def only_first(products: pd.DataFrame) -> pd.DataFrame:
    """Return the products with one image each."""
    return products.drop(columns=MORE) if MORE in products else products
