"""Tables and images that are damaged, hostile, or not what they seem."""

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from helpers.damage import cut, flip

from faults.fault import FINE, REFUSED, Ended, Fault, after, run
from faults.shop import Shop
from latefusion.utils.files import remove

PREPARE = "01_prepare.py"
NAMED = "refused with file, row and reason; all files equal after repair"


def _table(what: str, change: Callable[[str], str], says: str) -> Fault:
    """The table, rewritten."""

    def act(shop: Shop) -> Ended:
        shutil.copyfile(shop.products, shop.folder / "sound.csv")
        shop.products.write_bytes(change(shop.products.read_text()).encode("utf-8", "surrogateescape"))
        return run(PREPARE)(shop)

    def mend(shop: Shop) -> None:
        shutil.copyfile(shop.folder / "sound.csv", shop.products)

    return Fault(f"products.csv: {what}", PREPARE, NAMED, act, says=says, mend=mend)


def _replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def _parquet(what: str, write: Callable[[pd.DataFrame, Path], object], says: str) -> Fault:
    """The same products in a Parquet file."""

    def act(shop: Shop) -> Ended:
        write(pd.read_csv(shop.products, dtype=str), shop.products.with_suffix(".parquet"))
        return run(PREPARE, "--set", "catalogue.products=products.parquet")(shop)

    return Fault(f"products.parquet: {what}", PREPARE, NAMED, act, says=says)


def _as_bytes(table: pd.DataFrame, path: Path) -> None:
    columns = {name: pa.array([str(cell).encode() for cell in table[name]], pa.large_binary()) for name in table}
    pq.write_table(pa.table(columns), path)


def _damaged(table: pd.DataFrame, path: Path) -> None:
    table.to_parquet(path)
    content = bytearray(path.read_bytes())
    content[4:600] = bytes(596)
    path.write_bytes(content)


def _image(what: str, change: Callable[[Path], object], says: str) -> Fault:
    """An image of product p7, instead of the sound one."""

    def act(shop: Shop) -> Ended:
        shutil.copy2(shop.image(7), shop.folder / "sound.png")
        change(shop.image(7))
        return run(PREPARE)(shop)

    def mend(shop: Shop) -> None:
        remove(shop.image(7))
        shutil.copy2(shop.folder / "sound.png", shop.image(7))

    return Fault(f"an image: {what}", PREPARE, NAMED, act, says=rf"id p7: images/7\.png: .*({says})", mend=mend)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def claims(width: int, height: int) -> Callable[[Path], object]:
    """Return a change to a PNG that claims to be so large."""

    def change(path: Path) -> None:
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        chunk = b"IHDR" + header
        content = path.read_bytes()
        path.write_bytes(content[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:])

    return change


def _moved(shop: Shop) -> None:
    shop.image(0).parent.rename(shop.folder / "shop/photos")


def _moved_back(shop: Shop) -> None:
    (shop.folder / "shop/photos").rename(shop.image(0).parent)


def _replace_all(shop: Shop, old: str, new: str) -> None:
    """Replace a character in the table."""
    shop.products.write_text(shop.products.read_text().replace(old, new))


FAULTS = [
    _table(
        "a quotation mark opens a cell and another, 30 rows on, closes it",
        lambda text: _replaced("p40,", 'p40,x 24",')(_replaced("p10,", 'p10,"Retro ')(text)),
        r"line 12: .*quot",
    ),
    _table("a quotation mark that is never closed", _replaced("p10,", 'p10,"'), "line 12"),
    _table("a duplicate id", _replaced("p11,", "p10,"), "id p10"),
    _table("a row with a cell too few", _replaced("p10,", "p10 "), "line 12: 4 cells"),
    _table(
        "a title of spaces", lambda text: text.replace(text.split("\n")[11].split(",")[1], "  ", 1), "without a title"
    ),
    _table("bytes that are not UTF-8", _replaced("p10,", "p10,\udcff"), "line 12: not UTF-8"),
    _table("an id with a carriage return", _replaced("p10,", '"p\r10",'), "(?i)carriage return"),
    _table("labels that only look equal", _replaced(",lamp,", ",Lamp\u200b,"), "amp"),
    _table("another column's name", _replaced("title", "titel"), "did you mean 'titel'"),
    Fault(
        "products.csv: semicolons for commas",
        PREPARE,
        "read with the separator that it has, which the log names",
        after(lambda shop: _replace_all(shop, ",", ";"), run(PREPARE)),
        status=(FINE,),
        says="products.csv: separator ';'",
        mend=lambda shop: _replace_all(shop, ";", ","),
    ),
    _table("a header and no rows", lambda text: text.split("\n")[0] + "\n", "no rows"),
    _table("empty", lambda text: "", "is empty"),
    _table(
        "one class alone",
        lambda text: text.replace("shoe", "lamp").replace("mug", "lamp"),
        "all products have the label lamp",
    ),
    _parquet("columns of bytes", _as_bytes, "binary"),
    _parquet("damaged data pages", _damaged, "damaged|cannot be read"),
    _parquet("cut", lambda table, path: (table.to_parquet(path), cut(path)), "not a Parquet file, or a damaged one"),
    _image("missing", Path.unlink, "missing"),
    _image("empty", lambda path: path.write_bytes(b""), "empty file"),
    _image("cut", cut, "truncated|unreadable"),
    _image("one bit of a PNG", flip, "unreadable|truncated|damaged"),
    _image("text", lambda path: path.write_text("<html>404</html>"), "not an image"),
    _image("a FIFO", fifo, "not a regular file"),
    _image("a folder", lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
    _image("a PNG that claims 2^21 pixels in width", claims(2**21, 40), "too large|unreadable"),
    _image("a PNG that claims 40,000 x 40,000", claims(40_000, 40_000), "too large"),
    Fault(
        "bad_images: keep, and a missing image",
        "01_prepare.py",
        "the product stays without image, and is named",
        after(lambda shop: shop.image(7).unlink(), run(PREPARE, "--set", "catalogue.bad_images=keep")),
        status=(FINE,),
        says="1 kept without image",
        mend=lambda shop: shutil.copyfile(shop.image(8), shop.image(7)),
        equal=False,
    ),
    Fault(
        "the images' folder has another name",
        "01_prepare.py",
        "refused with the folder that was searched; all files equal after",
        after(_moved, run(PREPARE, "--set", "catalogue.bad_images=keep")),
        status=(REFUSED,),
        says="the folder shop/images does not exist",
        mend=_moved_back,
    ),
]
