"""Check every image before training: find images that cannot be decoded, and compute hashes for near-duplicates.

One pass reads each file once, decodes it as in training, and returns its fault, its perceptual hash and its state.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latefusion.images.faults import Inspector
from latefusion.images.files import states_table
from latefusion.images.header import FORMATS, own_size_limits
from latefusion.utils.errors import list_problems
from latefusion.utils.nearest import plural
from latefusion.utils.progress import Bar

logger = logging.getLogger(__name__)

THREADS = 16  # more than cores, to hide the latency of the disk


@dataclass(frozen=True)
class Inspection:
    """The results for the images of N products."""

    bad: pd.DataFrame  # products whose image cannot be used; index: id, columns: image and reason
    hashes: pd.Series  # (N,) UInt64 perceptual hashes by id; missing: no image, a bad image, or one of a single colour
    files: pd.DataFrame  # the state of every file that products name; index: path, columns: bytes, mtime_ns, blake2b


def inspect_images(root: Path, images: pd.Series) -> Inspection:
    """Check every image that products name; `images` maps id to a path relative to `root`, missing for no image.

    An id may be there several times.
    """
    paths = images.dropna().unique()
    with own_size_limits(), ThreadPoolExecutor(THREADS) as pool:  # OpenCV releases the GIL
        findings = Bar(pool.map(Inspector(root).inspect, paths), "checking images", total=len(paths), unit="image")
        found = dict(zip(paths, findings, strict=True))
    faults = {path: finding.fault for path, finding in found.items() if finding.fault is not None}
    bad = images[images.isin(list(faults))]
    hashes = [None if pd.isna(path) else found[path].hash for path in images]
    return Inspection(
        bad=pd.DataFrame({"image": bad, "reason": bad.map(faults)}, dtype="str").rename_axis("id"),
        hashes=pd.Series(pd.array(hashes, dtype="UInt64"), index=images.index),
        files=states_table({path: finding.state for path, finding in found.items()}),
    )


def inspect_first_images(root: Path, images: pd.Series) -> Inspection:
    """Check each product's first image and, as long as it cannot be used, the next; ids may be there several times."""
    inspections: list[Inspection] = []
    left = images
    while len(left) or not inspections:
        is_first = ~left.index.duplicated()
        inspections.append(inspect_images(root, left[is_first]))
        left = left[~is_first]
        left = left[left.index.isin(inspections[-1].bad.index)]
    files = pd.concat([inspection.files for inspection in inspections])
    return Inspection(
        bad=pd.concat([inspection.bad for inspection in inspections]),
        hashes=pd.concat([inspection.hashes for inspection in inspections]),
        files=files[~files.index.duplicated()],
    )


def check_images(root: Path, images: pd.Series) -> pd.DataFrame:
    """Return the products whose image cannot be used: index `id`, columns `image` and `reason`."""
    return inspect_images(root, images).bad


def handle_bad_images(products: pd.DataFrame, bad: pd.DataFrame, bad_images: str) -> pd.DataFrame:
    """Apply `catalogue.bad_images` to the products of `bad`, and return all products.

    `error` raises InputError, `keep` keeps them without their image, `drop` removes them. Unlabelled products are kept
    with `drop` too, without their image, because a submission needs every row.
    """
    if bad.empty:
        return products
    kinds = bad["reason"].str.split(":").str[0].value_counts()
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if bad_images == "error":
        rows = bad.join(products["location"]).itertuples()
        problems = [f"{row.location}: id {row.Index}: {row.image}: {row.reason}" for row in rows]
        advice = (
            f"Readable formats: {', '.join(FORMATS)}. Repair the files, or set catalogue.bad_images to keep (use these"
            " products without their image) or drop (remove these products)."
        )
        have = plural(len(bad), "product has", "products have")
        raise list_problems(f"{have} an image that cannot be used ({counts}):", problems, advice, 200)
    products = products.copy()
    products.loc[bad.index, "image"] = None
    dropped = bad.index[products.loc[bad.index, "split"] != "submit"] if bad_images == "drop" else bad.index[:0]
    kept = len(bad) - len(dropped)
    logger.warning("bad images (%s): %d products dropped, %d kept without image", counts, len(dropped), kept)
    return products.drop(dropped)
