"""A submission as text, before anyone looks for columns in it: encoding, line ends, blank lines, quotes.

Each fault is one that a lenient reader passes over and a strict one rejects.
"""

import codecs
import string
from collections.abc import Iterable
from pathlib import Path

from latefusion.utils.errors import InputError, list_problems


def read_lines(path: Path, *, quoted: bool = False) -> list[str]:
    """Return the lines of a text file without their line feeds; the first is line 1.

    Where cells may be `quoted`, they may hold quotes and blank lines. Raises InputError on the first kind of fault,
    and names all lines that have it.
    """
    data = _read(path)
    _check_encoding(path, data)
    _check_line_ends(path, data)
    lines = data.decode().split("\n")
    if not lines[-1]:
        lines.pop()
    if not (quoted and b'"' in data):
        blank = _where(not line.strip(string.whitespace + ",;") for line in lines)
        _refuse_lines(path, blank, "Blank lines:", "Remove them.")
    if not quoted:
        _refuse_lines(path, _where('"' in line for line in lines), "Quoted cells:", "Write the cells without quotes.")
    if not data.endswith(b"\n"):
        raise InputError(
            f"{path.name}, line {len(lines)}: no line feed at the end; end the last line as all the others"
        )
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
    odd = _where(not _is_utf8(line) for line in data.split(b"\n"))
    _refuse_lines(path, odd, "Lines that are not UTF-8:", "Save the file as UTF-8.")
    if data.startswith(codecs.BOM_UTF8):
        raise InputError(f"{path.name}, line 1: a byte order mark (BOM) before the header; save as UTF-8 without BOM")


def _check_line_ends(path: Path, data: bytes) -> None:
    *ended, _ = data.split(b"\n")
    windows = _where(line.endswith(b"\r") for line in ended)
    _refuse_lines(path, windows, "Lines that end with CR LF:", "Save the file with Unix line ends (LF).")
    odd = _where(b"\r" in line for line in data.split(b"\n"))
    _refuse_lines(path, odd, "Carriage returns within a line:", "Save the file with Unix line ends (LF).")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _where(faults: Iterable[bool]) -> list[int]:
    """Return the numbers of the lines with a fault, counted from 1."""
    return [number for number, fault in enumerate(faults, start=1) if fault]


def _refuse_lines(path: Path, numbers: Iterable[int], headline: str, advice: str) -> None:
    """Raise one error that names all these lines, if there are any."""
    if places := [f"{path.name}, line {number}" for number in numbers]:
        raise list_problems(headline, places, advice)
