"""Decode text tables: UTF-8, UTF-16 with a byte order mark, an encoding that the config names, or one that is guessed.

A file that is not Unicode does not say how it is encoded. It is guessed from lines with other characters than ASCII.
Where bytes above 127 stand alone, they are accents on Latin letters; where they come in rows, the script is another
one, which charset-normalizer tells (of a few accents it makes Chinese).
"""

import codecs
import logging
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from charset_normalizer import from_bytes

from latefusion.utils.errors import InputError
from latefusion.utils.nearest import shorten

logger = logging.getLogger(__name__)

AUTO = "auto"
NOT_LATIN = ["cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr"]  # as charset-normalizer names them
SAMPLE = 1000  # lines with other characters than ASCII, to guess from
# What text in cp1250 or cp1254 has if it is read as cp1252: š and ž (the same in both, but rare in Western Europe),
# symbols inside words (³ for a Polish l with a stroke), and Icelandic letters for three Turkish ones.
_CENTRAL_EUROPEAN = re.compile(r"[ŠšŽž]|(?<=[^\W\d_])[¹³¿º¥¼¾](?=[^\W\d_])|¿(?=[^\W\d_])|œ(?=[wlmrkp])")
_TURKISH = re.compile("[ýþðÝÞÐ]")
_LETTER = re.compile(r"(?![a-zA-Z])[^\W\d_]")  # other than ASCII
_WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")  # with other characters than ASCII
_STRAY = re.compile(r"\bÿ|[\x00-\x08]")  # bytes FF and control characters: damage, not text


def decode(path: Path, encoding: str = "utf-8") -> tuple[str, str]:
    """Return a file's text without a byte order mark, and the encoding's name. `auto`: find the encoding.

    Raises InputError for bytes that cannot be decoded, with file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if encoding == AUTO:
        encoding = _unicode(data) or _guess(path, data)
    return _decode(path, data, encoding), "UTF-8" if _is_utf_8(encoding) else encoding


def _unicode(data: bytes) -> str | None:
    """Return `utf-16` or `utf-8` if the file is so encoded, or was before some bytes were damaged; otherwise None."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    right = len(text) - len(text.encode("ascii", "ignore")) - wrong  # of the characters that are not ASCII
    return "utf-8" if wrong <= right else None


def _guess(path: Path, data: bytes) -> str:
    """Return the most likely encoding of a file that is not UTF-8, and log it; if none is likely, `utf-8`."""
    numbered = enumerate(re.split(b"\r\n|\r|\n", data), start=1)
    lines: Iterator[tuple[int, bytes]] = islice((line for line in numbered if not line[1].isascii()), SAMPLE)
    number, first = next(lines)
    sample = b"\n".join([first, *(line for _, line in lines)])
    if (encoding := _latin(sample) or _other_script(sample)) is None:
        return "utf-8"
    text = sample.decode(encoding, errors="replace")
    if _STRAY.search(text):
        return "utf-8"
    shown = shorten(text.partition("\n")[0])
    logger.warning(
        "%s: not UTF-8; it seems to be %s, which gives, in line %d: '%s'. If letters are wrong, set catalogue.encoding",
        path.name, encoding, number, shown,
    )  # fmt: skip
    return encoding


def _latin(sample: bytes) -> str | None:
    """Return the code page, if this is text in Latin letters: half of the letters of words with accents have none."""
    words = b"".join(_WORD.findall(sample))
    alone = len(re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", sample))
    accents = len(re.findall(rb"[\x80-\xff]", sample))
    if accents > max(len(words) / 2, 2 * alone):
        return None
    text = sample.decode("cp1252", errors="replace")
    letters = len(_LETTER.findall(text))
    central, turkish = len(_CENTRAL_EUROPEAN.findall(text)), len(_TURKISH.findall(text))
    encoding = "cp1250" if 20 * central > letters else "cp1254" if 4 * turkish > letters else "cp1252"
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:  # bytes that stand alone may be halves of Japanese or Chinese characters
        return None
    return encoding


def _other_script(sample: bytes) -> str | None:
    match = from_bytes(sample, cp_isolation=NOT_LATIN).best()
    return None if match is None else match.encoding


def _decode(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode("utf-8-sig" if _is_utf_8(encoding) else encoding)
    except UnicodeError as error:
        name = "UTF-8" if _is_utf_8(encoding) else encoding
        reason, start = (error.reason, error.start) if isinstance(error, UnicodeDecodeError) else (str(error), 0)
        line = re.sub(b"\r\n|\r", b"\n", data[:start].replace(b"\0", b"")).count(b"\n") + 1
        advice = "save the file as UTF-8, or for format table name its encoding in catalogue.encoding"
        raise InputError(f"{path}, line {line}: not {name} ({reason}); {advice}") from None


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
