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
from typing import TextIO

from charset_normalizer import from_bytes

from latefusion.catalogue.contents import refuse_other_content
from latefusion.utils.errors import InputError
from latefusion.utils.nearest import shorten

logger = logging.getLogger(__name__)

AUTO = "auto"
NOT_LATIN = ["cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr"]  # as charset-normalizer names them
CHUNK = 1 << 20  # bytes
SAMPLE = 1000  # lines with other characters than ASCII, to guess from
# What text in cp1250 or cp1254 has if it is read as cp1252: š and ž (the same in both, but rare in Western Europe),
# symbols inside words (³ for a Polish l with a stroke), and Icelandic letters for three Turkish ones.
_CENTRAL_EUROPEAN = re.compile(r"[ŠšŽž]|(?<=[^\W\d_])[¹³¿º¥¼¾](?=[^\W\d_])|¿(?=[^\W\d_])|œ(?=[wlmrkp])")
_TURKISH = re.compile("[ýþðÝÞÐ]")
_LETTER = re.compile(r"(?![a-zA-Z])[^\W\d_]")  # other than ASCII
_WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")  # with other characters than ASCII
_STRAY = re.compile(r"\bÿ|[\x00-\x08]")  # bytes FF and control characters: damage, not text


def find_encoding(path: Path, encoding: str = "utf-8") -> str:
    """Return the encoding of a file, with which all of it can be decoded. `auto`: find it; else that is `encoding`.

    The file is read in chunks. Raises InputError for a file that is no text, such as a spreadsheet, and for bytes that
    cannot be decoded, with file and line.
    """
    try:
        refuse_other_content(path)
        if encoding == AUTO:
            encoding = _unicode(path) or _guess(path)
        if not _can_be_decoded(path, encoding):
            raise _undecodable(path, encoding)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return encoding


def open_text(path: Path, encoding: str, newline: str) -> TextIO:
    """Open a file for reading, without its byte order mark; `newline` as for `open`."""
    return path.open(encoding=_codec(encoding), newline=newline)


def show_encoding(encoding: str) -> str:
    """Return the name of an encoding for a message."""
    return "UTF-8" if _is_utf_8(encoding) else encoding


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _decoded(path: Path, encoding: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for chunk in _chunks(path):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _can_be_decoded(path: Path, encoding: str) -> bool:
    try:
        for _ in _decoded(path, _codec(encoding), "strict"):
            pass
    except UnicodeError:
        return False
    return True


def _unicode(path: Path) -> str | None:
    """Return `utf-16` or `utf-8` if the file is so encoded, or was before some bytes were damaged; otherwise None."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    if _can_be_decoded(path, "utf-8"):
        return "utf-8"
    wrong = right = 0
    for text in _decoded(path, "utf-8", "replace"):
        replaced = text.count("\ufffd")
        wrong += replaced
        right += len(text) - len(text.encode("ascii", "ignore")) - replaced  # characters that are not ASCII
    return "utf-8" if wrong <= right else None


def _guess(path: Path) -> str:
    """Return the most likely encoding of a file that is not UTF-8, and log it; if none is likely, `utf-8`."""
    with path.open("rb") as file:
        pieces = (piece for line in file for piece in line.rstrip(b"\r\n").split(b"\r"))
        lines = list(islice(((n, line) for n, line in enumerate(pieces, start=1) if not line.isascii()), SAMPLE))
    number, first = lines[0]
    sample = b"\n".join(line for _, line in lines)
    if (encoding := _latin(sample) or _other_script(sample)) is None:
        return "utf-8"
    if _STRAY.search(sample.decode(encoding, errors="replace")):
        return "utf-8"
    logger.warning(
        "%s: not UTF-8; it seems to be %s, which gives, in line %d: '%s'. If letters are wrong, set catalogue.encoding",
        path.name, encoding, number, shorten(first.decode(encoding, errors="replace")),
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


def _undecodable(path: Path, encoding: str) -> InputError:
    """Return the error for a file that cannot be decoded."""
    data, name = path.read_bytes(), show_encoding(encoding)
    try:
        data.decode(_codec(encoding))
        reason, start = "it ends within a character", len(data)  # codecs that are stricter in chunks
    except UnicodeError as error:
        reason, start = (error.reason, error.start) if isinstance(error, UnicodeDecodeError) else (str(error), 0)
    line = re.sub(b"\r\n|\r", b"\n", data[:start].replace(b"\0", b"")).count(b"\n") + 1
    advice = "save the file as UTF-8, or for format table name its encoding in catalogue.encoding"
    return InputError(f"{path}, line {line}: not {name} ({reason}); {advice}")


def _codec(encoding: str) -> str:
    return "utf-8-sig" if _is_utf_8(encoding) else encoding  # without the byte order mark


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
