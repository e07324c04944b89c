"""Fetch the images that a catalogue, or a table of new products, names by their addresses on the web."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from latefusion.catalogue import NewProducts, read_image_cells
from latefusion.config import Columns, load_experiment, load_new_table
from latefusion.images.download import Limits
from latefusion.images.fetch import Fetched, Pace, fetch_images
from latefusion.images.fetched import FOLDER, REPORT, is_url
from latefusion.images.several import list_images
from latefusion.utils.errors import InputError
from latefusion.utils.locks import locked

SHOWN = 5  # kinds of failures in the summary


def fetch(
    *, config: Path | None, overrides: list[str], products: Path | None, images: Path | None, connections: int,
    pause: float, retries: int, timeout: float, max_mb: float, allow_private: bool,
) -> Iterator[str]:  # fmt: skip
    """Fetch the images, and yield lines that say what became of them.

    Images that cannot be fetched are no error: dead links are usual, and `catalogue.bad_images` says what readers make
    of them. Raises InputError if none at all could be fetched, and for arguments that cannot be meant.
    """
    limits = Limits(max_bytes=int(max_mb * 1e6), seconds=timeout, allow_private=allow_private)
    pace = Pace(connections=connections, pause=pause, retries=retries)
    _check_numbers(limits, pace)
    root, cells = _read(config, overrides, products, images)
    named = list_images(cells)
    urls = named[is_url(named)]
    if urls.empty:
        yield f"none of {len(cells)} products names an image by an address (http:// or https://): nothing to fetch"
        return
    with locked(root / FOLDER):
        result = fetch_images(root, urls, limits, pace)
    if not result.saved + result.there:
        first = result.failed.iloc[0]
        raise InputError(
            f"none of {len(result.failed)} images could be fetched, the first: {first['url']}: {first['reason']}; is "
            f"there a connection? All are in {root / FOLDER / REPORT}"
        )
    yield from _summarise(root, result)


def _read(
    config: Path | None, overrides: list[str], products: Path | None, images: Path | None
) -> tuple[Path, pd.Series]:
    """Return the folder of the images, and what the products' image column says (index: id, or location)."""
    if (products is None) != (images is None):
        raise InputError("--products and --images belong together: give the table and the folder to fetch into")
    if products is None or images is None:
        if config is None:
            raise InputError("give --config, to fetch a catalogue's images, or --products and --images")
        own = load_experiment(config, overrides).catalogue
        return own.root, read_image_cells(own)
    if not products.is_file():
        raise InputError(f"--products {products}: there is no such file")
    catalogue = None if config is None else load_experiment(config).catalogue
    columns = Columns() if catalogue is None else catalogue.columns
    separator = None if catalogue is None else catalogue.image_separator
    table = NewProducts(load_new_table(products, columns, overrides, image_separator=separator))
    return images, pd.concat([block["image"] for block in table.check()])


def _check_numbers(limits: Limits, pace: Pace) -> None:
    for name, value, least in (
        ("--max-mb", limits.max_bytes, 1),
        ("--timeout", limits.seconds, 0.001),
        ("--connections", pace.connections, 1),
        ("--retries", pace.retries, 0),
        ("--pause", pace.pause, 0),
    ):
        if not value >= least:
            raise InputError(f"{name}: too small a number")


def _summarise(root: Path, result: Fetched) -> Iterator[str]:
    there = f", {result.there} were there already" if result.there else ""
    yield f"{root / FOLDER}: {result.saved} images fetched{there}"
    if len(result.failed):
        kinds = result.failed["reason"].str.partition(":")[0].value_counts()
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.head(SHOWN).items())
        yield f"{len(result.failed)} could not be fetched ({counts}): see {root / FOLDER / REPORT}"
