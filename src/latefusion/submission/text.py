"""Check a submission as text, before its columns are read: encoding, line ends, blank lines, quotes.

A lenient reader accepts these faults, a strict one rejects them.
"""

import codecs
import string
from collections.abc import Iterable
from pathlib import Path

from latefusion.utils.errors import InputError, list_problems


def read_lines(path: Path, *, quoted: bool = False) -> list[str]:
    """Return the lines of a text file without their line feeds.

    With `quoted`, cells may be quoted; quoted cells may contain quotes and blank lines. Raises InputError on the first
    kind of fault found, with all lines that have it, counted from 1.
    """
    data = _read(path)
    _check_encoding(path, data)
    _check_line_ends(path, data)
    lines = data.decode().split("\n")
    if not lines[-1]:
        lines.pop()
    if not (quoted and b'"' in data):
        blank = _lines_with(not line.strip(string.whitespace + ",;") for line in lines)
        _refuse_lines(path, blank, "Blank lines:", "Remove them.")
    if not quoted:
        _refuse_lines(
            path, _lines_with('"' in line for line in lines), "Quoted cells:", "Write the cells without quotes."
        )
    if not data.endswith(b"\n"):
        raise InputError(f"{path.name}, line {len(lines)}: no line feed at the end; end the last line like all others")
    return lines


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not data:
        raise InputError(f"{path.name}, line 1: the file is empty; it must begin with the header")
    return data


def _check_encoding(path: Path, data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path.name}, line 1: the file is UTF-16; save it as UTF-8")
    odd = _lines_with(not _is_utf8(line) for line in data.split(b"\n"))
    _refuse_lines(path, odd, "Lines that are not UTF-8:", "Save the file as UTF-8.")
    if data.startswith(codecs.BOM_UTF8):
        raise InputError(f"{path.name}, line 1: a byte order mark (BOM) before the header; save as UTF-8 without BOM")


def _check_line_ends(path: Path, data: bytes) -> None:
    *ended, _ = data.split(b"\n")
    windows = _lines_with(line.endswith(b"\r") for line in ended)
    _refuse_lines(path, windows, "Lines that end with CR LF:", "Save the file with Unix line ends (LF).")
    odd = _lines_with(b"\r" in line for line in data.split(b"\n"))
    _refuse_lines(path, odd, "Carriage returns within a line:", "Save the file with Unix line ends (LF).")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines_with(faults: Iterable[bool]) -> list[int]:
    """Return the numbers of the lines with a fault, counted from 1."""
    return [number for number, fault in enumerate(faults, start=1) if fault]


def _refuse_lines(path: Path, numbers: Iterable[int], headline: str, advice: str) -> None:
    """Raise one InputError with all these lines, if there are any."""
    if locations := [f"{path.name}, line {number}" for number in numbers]:
        raise list_problems(headline, locations, advice)
