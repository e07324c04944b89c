"""Images come out as right RGB, the same from the cache, and augmented by the draw alone."""

import io
import pickle
import struct
import time

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers.images import turned_right
from PIL import Image, ImageOps

from latefusion.config import ImageInput
from latefusion.images.augment import RotatedCrop, augment, centre_crop, training_transform
from latefusion.images.cache import open_images
from latefusion.images.inspection import check_images
from latefusion.images.orientation import exif_orientation
from latefusion.images.store import decode, read_image, resize
from latefusion.utils.errors import InputError


@pytest.fixture
def catalogue(tmp_path):
    """Three products: two images and one without."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        blurred = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (40, 40))
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), blurred)
    return pd.DataFrame({"image": ["a.jpg", "b.jpg", None]}, index=["1", "2", "3"]), tmp_path


def test_channels_are_red_green_blue(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))  # OpenCV writes BGR
    assert (read_image(tmp_path / "red.png") == (255, 0, 0)).all()


@pytest.fixture(scope="module")
def drawing() -> Image.Image:
    """Smooth colours, 60 wide and 40 high."""
    corners = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(corners, (60, 40), interpolation=cv2.INTER_LINEAR))


def half_transparent(drawing: Image.Image) -> Image.Image:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, :30] = 255
    return Image.fromarray(np.dstack([drawing, alpha]))


def as_16_bit_grey(drawing: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(drawing.convert("L")).astype(np.uint16) * 257)


NASTY = {
    "grey.jpg": lambda drawing, path: drawing.convert("L").save(path, quality=95),
    "bilevel.png": lambda drawing, path: drawing.convert("1").save(path),
    "palette.png": lambda drawing, path: drawing.convert("P", palette=Image.Palette.ADAPTIVE).save(path),
    "cmyk.jpg": lambda drawing, path: drawing.convert("CMYK").save(path, quality=95),
    "transparent.png": lambda drawing, path: half_transparent(drawing).save(path),
    "transparent.webp": lambda drawing, path: half_transparent(drawing).save(path, lossless=True),
    "turned.jpg": lambda drawing, path: drawing.save(path, quality=95, exif=turned_right()),
    "animated.gif": lambda drawing, path: drawing.save(path, save_all=True, append_images=[drawing.rotate(90)]),
    "png_named.jpg": lambda drawing, path: drawing.save(path, format="PNG"),
    "tiny.png": lambda drawing, path: drawing.resize((1, 1)).save(path),
    "wide.png": lambda drawing, path: drawing.resize((20_000, 3)).save(path),
    "image.avif": lambda drawing, path: drawing.save(path),
    "image.tiff": lambda drawing, path: drawing.save(path),
}


@pytest.mark.parametrize("name", NASTY)
def test_any_kind_of_image_comes_out_as_a_viewer_shows_it(drawing, tmp_path, name):
    NASTY[name](drawing, tmp_path / name)
    with Image.open(tmp_path / name) as opened:
        shown = ImageOps.exif_transpose(opened).convert("RGBA")
    shown = np.asarray(Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB"))
    image = decode(tmp_path / name)
    assert image.shape == shown.shape
    assert np.abs(image.astype(int) - shown).max() <= 1
    assert check_images(tmp_path, pd.Series({"1": name})).empty


ALPHA = ("RGBA", "LA")
ORIENTED = {
    "png": ("RGB", "L", "P", *ALPHA),
    "webp": ("RGB", *ALPHA),
    "avif": ("RGB", "L", *ALPHA),
    "tiff": ("RGB", "L", "RGBA"),
    "jpg": ("RGB", "L", "CMYK"),
}
LOSSLESS = {"webp": {"lossless": True}, "avif": {"quality": 100, "subsampling": "4:4:4"}, "jpg": {"quality": 98}}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind in ORIENTED for mode in ORIENTED[kind]])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(drawing, tmp_path, kind, mode, orientation):
    path, exif = tmp_path / f"turned.{kind}", Image.Exif()
    exif[0x0112] = orientation
    image = half_transparent(drawing).convert(mode) if mode in ALPHA else drawing.convert(mode)
    image.save(path, exif=exif, **LOSSLESS.get(kind, {}))
    with Image.open(io.BytesIO(path.read_bytes())) as opened:  # Pillow maps TIFF files into memory, and turns none
        shown = ImageOps.exif_transpose(opened).convert("RGBA")
    shown = np.asarray(Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB"))
    assert read_image(path).shape == shown.shape
    assert np.abs(read_image(path).astype(int) - shown).max() <= 1


def test_orientations_are_read_in_both_byte_orders_and_damage_means_upright():
    for order, name in (("<", b"II"), (">", b"MM")):
        entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 6, 0)
        block = name + struct.pack(f"{order}HIH", 42, 8, 1) + entry
        assert exif_orientation(block) == exif_orientation(b"Exif\0\0" + block) == 6
        assert [exif_orientation(block[:length]) for length in range(len(block) - 2)] == [1] * (len(block) - 2)
    assert exif_orientation(b"") == exif_orientation(b"junk") == 1


def test_sixteen_bits_become_eight(drawing, tmp_path):
    as_16_bit_grey(drawing).save(tmp_path / "deep.png")  # Pillow itself clips these
    assert np.array_equal(decode(tmp_path / "deep.png")[..., 0], np.asarray(drawing.convert("L")))


def test_what_no_network_can_read_is_listed_with_its_reason(drawing, tmp_path):
    drawing.save(tmp_path / "whole.jpg")
    (tmp_path / "truncated.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:-300])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("404 not found")
    Image.fromarray(np.asarray(drawing.convert("L")) / np.float32(255)).save(tmp_path / "floats.tiff")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    Image.new("1", (1_000_001, 2)).save(tmp_path / "long.png")
    Image.new("1", (2, 1_000_001)).save(tmp_path / "high.png")
    names = ["whole.jpg", "truncated.jpg", "empty.jpg", "text.jpg", "floats.tiff", "bomb.png", "missing.jpg"]
    names += ["long.png", "high.png"]
    reasons = check_images(tmp_path, pd.Series(names, index=[str(number) for number in range(9)]))["reason"]
    assert reasons.to_dict() == {
        "1": "truncated",
        "2": "empty file",
        "3": "not an image",
        "4": "unreadable: OpenCV does not decode this kind of TIFF (F)",
        "5": "too large: 20000 x 20000",
        "6": "missing",
        "7": "too large: 1000001 x 2",
        "8": "too large: 2 x 1000001",
    }


def test_the_longest_image_that_opencv_takes_can_be_used(tmp_path):
    Image.new("1", (1_000_000, 2)).save(tmp_path / "long.png")
    assert check_images(tmp_path, pd.Series({"1": "long.png"})).empty
    assert read_image(tmp_path / "long.png").shape == (2, 1_000_000, 3)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_what_passes_can_be_read_and_damage_is_named_before_training(drawing, tmp_path, kind):
    """One flipped bit in each of 300 files, whose last bytes are as they should be."""
    drawing.resize((450, 400)).save(tmp_path / f"sound.{kind}")  # a JPEG of this size is hashed at half of it
    sound, rng = np.frombuffer((tmp_path / f"sound.{kind}").read_bytes(), np.uint8), np.random.default_rng(0)
    names = [f"{number}.{kind}" for number in range(300)]
    for name in names:
        damaged = sound.copy()
        damaged[rng.integers(2, min(700, len(sound) - 40))] ^= 1 << rng.integers(8)
        damaged.tofile(tmp_path / name)
    bad = check_images(tmp_path, pd.Series(names, index=names))
    assert len(bad) >= 20
    for name in names:
        if name in bad.index:
            assert bad.loc[name, "reason"].split(":")[0] in ("unreadable", "truncated", "not an image", "too large")
        else:
            assert read_image(tmp_path / name).shape[2] == 3


@pytest.mark.parametrize("name", ["drawing.tiff", "drawing.avif"])
def test_damage_that_decoders_raise_for_is_told_with_the_file(drawing, tmp_path, name):
    """Damaged so that Pillow, or OpenCV, raises an error of its own kind."""
    drawing.save(tmp_path / name, **({"compression": "tiff_lzw"} if name.endswith("tiff") else {}))
    sound, rng = np.fromfile(tmp_path / name, np.uint8), np.random.default_rng(1)
    for _ in range(100):
        damaged = sound.copy()
        damaged[rng.integers(4, len(sound), 5)] = rng.integers(0, 256, 5)
        damaged.tofile(tmp_path / name)
        if check_images(tmp_path, pd.Series({"1": name})).empty:
            read_image(tmp_path / name)
        elif decode(tmp_path / name) is None:
            with pytest.raises(InputError, match=f"{name}: cannot be decoded"):
                read_image(tmp_path / name)


def test_a_png_whose_chunk_is_longer_than_the_file_takes_no_memory(drawing, tmp_path):
    drawing.save(tmp_path / "sound.png")
    content = bytearray((tmp_path / "sound.png").read_bytes())
    content[33:37] = (4_000_000_000).to_bytes(4)  # the length of the chunk after the header
    (tmp_path / "damaged.png").write_bytes(content)
    start = time.process_time()
    assert decode(tmp_path / "damaged.png") is None
    assert time.process_time() - start < 0.5
    assert check_images(tmp_path, pd.Series({"1": "damaged.png"}))["reason"].to_list() == ["truncated"]


def test_a_product_without_an_image_is_white(catalogue):
    products, root = catalogue
    assert (open_images(products, root, root / "cache", None).read("3", 16) == 255).all()


def test_the_cache_gives_what_the_files_give_and_notices_a_new_file(catalogue):
    products, root = catalogue
    for _ in range(2):
        files, cached = (open_images(products, root, root / "cache", side) for side in (None, 32))
        for id_ in products.index:
            assert np.array_equal(files.read(id_, 32), cached.read(id_, 32))
        cv2.imwrite(str(root / "a.jpg"), np.zeros((50, 50, 3), np.uint8))


def test_a_loader_process_is_sent_no_images(catalogue):
    products, root = catalogue
    store = open_images(products, root, root / "cache", 256)
    image = store.read("1", 256)
    sent = pickle.dumps(store)
    assert len(sent) < 10_000
    assert np.array_equal(pickle.loads(sent).read("1", 256), image)


def test_a_file_that_broke_after_preparation_is_named(catalogue):
    products, root = catalogue
    (root / "a.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.jpg: cannot be decoded"):
        open_images(products, root, root / "cache", None).read("1", 16)


def test_a_file_that_vanished_after_preparation_is_named(catalogue):
    products, root = catalogue
    (root / "a.jpg").unlink()
    with pytest.raises(InputError, match=r"a\.jpg: cannot be decoded"):
        open_images(products, root, root / "cache", 32)


def test_augmentation_depends_on_the_draw_alone():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    settings = ImageInput(resize=40, crop=32)
    one, other = training_transform(settings), training_transform(settings)
    first = augment(one, image, seed=1)
    augment(other, image, seed=7)  # what was drawn before does not matter
    assert np.array_equal(first, augment(other, image, seed=1))
    assert first.shape == (32, 32, 3)
    assert len({augment(one, image, seed).tobytes() for seed in range(8)}) == 8


def test_without_augmentation_the_crop_is_the_only_draw():
    image = np.arange(40 * 40 * 3, dtype=np.uint8).reshape(40, 40, 3)
    plain = training_transform(ImageInput(resize=40, crop=40, rotate=0, flip=False))
    assert np.array_equal(augment(plain, image, seed=3), image)


@pytest.mark.parametrize(("side", "tolerance"), [(40, 0), (72, 2), (24, 0)])
def test_without_a_turn_training_reads_what_evaluation_reads(drawing, side, tolerance):
    """The same size, enlarged (rounded otherwise) and shrunk; 60 x 40 made square."""
    image = np.asarray(drawing)[:, :40] if side == 40 else np.asarray(drawing)
    seen = RotatedCrop(side, side - 6, 0).apply(image, angle=0, left=2, top=5)
    shown = resize(image, side)[5 : side - 1, 2 : side - 4]
    assert np.abs(seen.astype(int) - shown).max() <= tolerance


@pytest.mark.parametrize("angle", [-15, 10])
def test_a_turn_is_about_the_centre_with_white_around(drawing, angle):
    image = resize(np.asarray(drawing), 64)
    turned = Image.fromarray(image).rotate(-angle, Image.Resampling.BILINEAR, fillcolor=(255, 255, 255))
    seen = RotatedCrop(64, 48, 15).apply(image, angle=angle, left=16, top=0)
    difference = np.abs(seen.astype(int) - np.asarray(turned)[:48, 16:])
    assert np.quantile(difference, 0.95) <= 2  # but for the edge, which Pillow does not blend with white
    assert (seen == 255).all(axis=2).any()


def test_evaluation_reads_the_centre():
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:6, 2:6] = 9
    assert (centre_crop(image, 4) == 9).all()
