"""Whatever a file holds: either it is named with a reason before training, or training can read it."""

import io
import zlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from latefusion.images.inspection import check_images
from latefusion.images.store import read_image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
VARIANTS = {
    "JPEG": [{}, {"progressive": True}, {"subsampling": 0}, {"mode": "L"}, {"mode": "CMYK"}, {"exif": True}],
    "PNG": [{}, {"mode": "RGBA", "exif": True}, {"mode": "P"}, {"mode": "1"}, {"mode": "LA"}, {"mode": "I;16"}],
    "WEBP": [{}, {"mode": "RGBA", "exif": True}, {"lossless": True}],
    "GIF": [{}, {"mode": "P", "save_all": True}],
    "BMP": [{}, {"mode": "1"}, {"mode": "P"}, {"mode": "RGBA"}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"mode": "RGBA", "exif": True}, {"mode": "1"}],
    "AVIF": [{"exif": True}, {"mode": "RGBA"}],
}


def encode(name: str, mode: str = "RGB", exif: bool = False, save_all: bool = False, **options) -> bytes:
    corners = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(cv2.resize(corners, (40, 30)))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    if exif:
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = 6
    if save_all:
        options |= {"save_all": True, "append_images": [image.rotate(90)]}
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


VALID = {name: [encode(name, **variant) for variant in variants] for name, variants in VARIANTS.items()}

position = st.floats(0, 1, exclude_max=True)
change = st.one_of(
    st.tuples(st.just("flip"), position, st.integers(0, 7)),
    st.tuples(st.just("flip early"), position, st.integers(0, 7)),
    st.tuples(st.just("set"), position, st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])),
    st.tuples(st.just("set early"), position, st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])),
    st.tuples(st.just("cut"), position, st.integers(1, 40)),
    st.tuples(st.just("insert"), position, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("repeat"), position, st.integers(1, 40)),
    st.tuples(st.just("truncate"), position, st.just(0)),
)
EARLY = 120  # bytes, where the headers are


def apply(content: bytes, kind: str, where: float, what: int | bytes) -> bytes:
    at = int(where * (min(EARLY, len(content)) if kind.endswith("early") else len(content)))
    match kind.split()[0]:
        case "flip":
            return content[:at] + bytes([content[at] ^ 1 << what]) + content[at + 1 :] if content else content
        case "set":
            return content[:at] + bytes([what]) + content[at + 1 :]
        case "cut":
            return content[:at] + content[at + what :]
        case "insert":
            return content[:at] + what + content[at:]
        case "repeat":
            return content[: at + what] + content[at:]
        case "truncate":
            return content[:at]


def with_right_checksums(png: bytes) -> bytes:
    """Return a PNG whose chunks have the checksum of what they hold, so that damage gets past the first check."""
    result, at = png[:8], 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4])
        body = png[at + 4 : end]
        result += png[at : at + 4] + body + zlib.crc32(body).to_bytes(4)
        at = end + 4
    return result + png[at:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def test_what_is_not_damaged_passes(folder):
    for name in FORMATS:
        for number, content in enumerate(VALID[name]):
            (folder / f"{number}.{name}").write_bytes(content)
            assert check_images(folder, pd.Series({"p": f"{number}.{name}"})).empty
            assert read_image(folder / f"{number}.{name}").size == 40 * 30 * 3


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_a_damaged_file_is_named_or_can_be_read(folder, name, data):
    content = data.draw(st.sampled_from(VALID[name]))
    for kind, where, what in data.draw(st.lists(change, min_size=1, max_size=3)):
        content = apply(content, kind, where, what)
    if name == "PNG" and data.draw(st.booleans()):
        content = with_right_checksums(content)
    path = folder / f"image.{name}"
    path.write_bytes(content)
    bad = check_images(folder, pd.Series({"p": path.name}))
    if bad.empty:
        image = read_image(path)
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert image.dtype == np.uint8
    else:
        assert bad.loc["p", "reason"].isprintable()
