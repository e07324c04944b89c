"""Fetch the images that a catalogue, or a table of new products, names by their addresses on the web."""

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from latefusion.catalogue import NewProducts, read_image_cells
from latefusion.catalogue.reading import no_table
from latefusion.config import Columns, load_experiment, load_new_table
from latefusion.images.download import DownloadLimits
from latefusion.images.fetch import Fetched, Pace, fetch_images
from latefusion.images.fetched import COLUMNS, FOLDER, REPORT, is_url
from latefusion.images.files import is_file
from latefusion.images.several import list_images
from latefusion.utils.errors import InputError
from latefusion.utils.locks import locked
from latefusion.utils.nearest import plural

SHOWN = 5  # kinds of failures in the summary


def fetch(
    *, config: Path | None, overrides: list[str], products: Path | None, images: Path | None, connections: int,
    pause: float, retries: int, timeout: float, max_mb: float, allow_private: bool,
) -> Iterator[str]:  # fmt: skip
    """Fetch the images, and yield lines that say what became of them.

    Images that cannot be fetched are no error: dead links are usual, and `catalogue.bad_images` says what readers make
    of them. Raises InputError if none at all could be fetched, and for arguments that cannot be meant.
    """
    for name, number in {"--max-mb": max_mb, "--timeout": timeout, "--pause": pause}.items():
        if not math.isfinite(number):
            raise InputError(f"{name} {number}: give a number")
    limits = DownloadLimits(max_bytes=int(max_mb * 1e6), seconds=timeout, allow_private=allow_private)
    pace = Pace(connections=connections, pause=pause, retries=retries)
    _check_numbers(limits, pace)
    root, cells, every = _read(config, overrides, products, images)
    named = list_images(cells)
    if not is_url(named).any():
        counted = plural(len(cells), "product")
        yield f"none of {counted} names an image by an address (http:// or https://): nothing to fetch"
        return
    with locked(root / FOLDER):
        result = _fetch(root, named, limits, pace, every=every)
    if len(result.failed) and not result.saved + result.there:
        first = result.failed.iloc[0]
        raise InputError(
            f"none of {len(result.failed)} images could be fetched, the first: {first['url']}: {first['reason']}; is "
            f"there a connection? (local addresses need --allow-private) All are in {root / FOLDER / REPORT}"
        )
    yield from _summarise(root, result)


def _fetch(root: Path, named: pd.Series, limits: DownloadLimits, pace: Pace, *, every: bool) -> Fetched:
    """Fetch the images that products name; unless `every` one is used, of each product the first that can be had.

    `named` are files and addresses; index: the product, several times.
    """
    if every:
        return fetch_images(root, named[is_url(named)], limits, pace)
    results: list[Fetched] = []
    while len(named):
        is_first = ~named.index.duplicated()
        first = named[is_first].str.strip()
        urls = first[is_url(first)]
        lacking = {at for at, path in first.drop(urls.index).items() if not is_file(root / path)}
        if len(urls):
            results.append(fetch_images(root, urls, limits, pace))
            lacking |= set(urls.index[urls.isin(results[-1].failed["url"])])
        named = named[~is_first & named.index.isin(lacking)]
    if not results:
        return Fetched(0, 0, pd.DataFrame(columns=COLUMNS))
    return Fetched(
        saved=sum(result.saved for result in results),
        there=sum(result.there for result in results),
        failed=pd.concat([result.failed for result in results]).drop_duplicates("url", keep="last"),
    )


def _read(
    config: Path | None, overrides: list[str], products: Path | None, images: Path | None
) -> tuple[Path, pd.Series, bool]:
    """Return the folder of the images, the images of each product (one per line), and whether every one is used."""
    if (products is None) != (images is None):
        raise InputError("--products and --images belong together: give the table and the folder to fetch into")
    if products is None or images is None:
        if config is None:
            raise InputError("give --config, to fetch a catalogue's images, or --products and --images")
        own = load_experiment(config, overrides).catalogue
        return own.root, read_image_cells(own).reset_index(drop=True), own.images_per_product == "mean"
    if not products.is_file():
        raise InputError(f"--products {no_table(products)}")
    if not images.is_dir():
        raise InputError(f"--images {images}: there is no such folder; if the name is right, create it first")
    catalogue = None if config is None else load_experiment(config).catalogue
    columns = Columns() if catalogue is None else catalogue.columns
    separator = None if catalogue is None else catalogue.image_separator
    table = NewProducts(load_new_table(products, columns, overrides, image_separator=separator))
    every = catalogue is None or catalogue.images_per_product == "mean"  # without a config nobody knows
    return images, pd.concat([block["image"] for block in table.check()]), every


def _check_numbers(limits: DownloadLimits, pace: Pace) -> None:
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
    there = f", {plural(result.there, 'was', 'were')} there already" if result.there else ""
    yield f"{root / FOLDER}: {plural(result.saved, 'image')} fetched{there}"
    if len(result.failed):
        kinds = result.failed["reason"].str.partition(":")[0].value_counts()
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.head(SHOWN).items())
        yield f"{len(result.failed)} could not be fetched ({counts}): see {root / FOLDER / REPORT}"
