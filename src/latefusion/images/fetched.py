"""Images on the web: the names under which they are fetched, and what became of each.

`images/fetch.py` saves the image of an address (http:// or https://) as `fetched/<hash of the address>.<suffix>` in the
folder of the images, and writes `fetched/report.csv`; columns: url, file (empty: it was not saved), bytes, reason.
Readers use the file instead of the address. An address that could not be fetched is an image that cannot be used; one
that nobody has tried to fetch is refused.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.images.files import hash_bytes, is_file
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.nearest import plural

FOLDER = "fetched"
REPORT = "report.csv"
COLUMNS = ["url", "file", "bytes", "reason"]
SUFFIXES = {  # by Pillow's name of the format; the most frequent first
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif", "BMP": ".bmp",
    "TIFF": ".tif",
}  # fmt: skip


def is_url(images: pd.Series) -> pd.Series:
    """Return which cells are addresses on the web, as bools; missing cells are none."""
    return images.str.match(r"(?i)\s*https?://").fillna(False).astype(bool)


def file_stem(url: str) -> str:
    """Return the name of an address's file without its suffix: nothing in the address can choose a path."""
    return hash_bytes(url.strip().encode())


def fetched_path(root: Path, url: str) -> str | None:
    """Return the path of an address's file, relative to `root`; None if it was not saved."""
    stem = file_stem(url)
    names = (f"{FOLDER}/{stem}{suffix}" for suffix in dict.fromkeys(SUFFIXES.values()))
    return next((name for name in names if (root / name).is_file()), None)


def find_fetched(root: Path, images: pd.Series) -> pd.Series:
    """Return the images' paths, with the file of each address that was fetched; other addresses stay as they are."""
    urls = is_url(images)
    if not urls.any():
        return images
    paths = {url: fetched_path(root, url) or url for url in images[urls].unique()}
    return images.mask(urls, images.map(paths)).astype("str")


def refuse_unfetched(root: Path, images: pd.Series, arguments: str, *, every: bool) -> None:
    """Raise StepError for addresses that nobody has tried to fetch; `arguments` are those of the step that does,
    beside those that say which experiment it is.

    `images` (index: id, several times for several images) is what `find_fetched` returns. Unless `every` image is
    used, those after a product's first that has not failed may be missing.
    """
    is_untried = is_url(images)
    if is_untried.any():
        failed = images.str.strip().isin(list(failures(root)))
        is_untried &= ~failed
        if not every:
            exists = np.array([is_file(root / path) for path in images.mask(is_url(images)).fillna("")])
            usable = (~failed & (is_url(images) | exists)).astype(int)
            is_untried &= usable.groupby(level=0).cumsum() == 1
    left = images[is_untried]
    if len(left):
        have, command = plural(len(left), "product has", "products have"), f"python {{step}} {arguments}".rstrip()
        raise StepError(
            f"{have} an image on the web that was not fetched to {root / FOLDER}, the first: id "
            f"{left.index[0]}, {left.iloc[0]}. Fetch the images first: {command}",
            "fetch_images",
        )


def failures(root: Path) -> dict[str, str]:
    """Return why an image could not be fetched, by address."""
    path = root / FOLDER / REPORT
    try:
        state = path.stat()
    except OSError:
        return {}
    return _failures(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _failures(path: Path, mtime_ns: int, size: int) -> dict[str, str]:
    report = read_report(path.parent)
    failed = report[report["file"] == ""]
    return dict(zip(failed["url"], failed["reason"], strict=True))


def read_report(folder: Path) -> pd.DataFrame:
    """Return the report in a folder of fetched images; empty if there is none. Raises InputError if it is damaged."""
    path = folder / REPORT
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS, dtype="str")
    try:
        return pd.read_csv(path, dtype="str", keep_default_na=False, usecols=COLUMNS)[COLUMNS]
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}): remove it, and fetch the images again") from None
