"""Word vectors in the text format of GloVe or word2vec: a line per word, plain or compressed with gzip.

Files of word2vec begin with a line "count size". They may have millions of lines, so they are read line by line and
only the vectors of the vocabulary are kept.
"""

import gzip
import logging
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latefusion.config import Experiment, TextCnnExpert
from latefusion.plan.pretrained import find_vectors
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)
LONGEST_LINE = 1_000_000  # bytes; a longer one is not text
Line = tuple[int, bytes]  # its number in the file, from 1


@dataclass(frozen=True)
class Header:
    """What the first line says: the size of the vectors and, in files of word2vec, their number."""

    size: int
    count: int | None


def check_text_cnn(experiment: Experiment, expert: TextCnnExpert, backbones: dict) -> None:
    """Raise InputError if the file of word vectors is missing, or its vectors have another size than the config's."""
    if expert.word_vectors is not None:
        check_size(find_vectors(expert.word_vectors), expert.embedding_size)


def check_size(path: Path, size: int) -> None:
    """Raise InputError unless the first line of a file says that its vectors have this size."""
    with _lines(path) as lines:
        header, _ = _read_header(path, lines)
    if header.size != size:
        raise InputError(
            f"{path}: its vectors have {header.size} numbers, but embedding_size is {size}: set it to {header.size}"
        )


def read_vectors(path: Path, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of `words` (V,), which are lower-case: (V, D) float32, and which words are covered, (V,).

    A word that the file has only in capitals gets the first of these vectors; one that it lacks has zeros. Raises
    InputError, with the line, if the file is damaged.
    """
    row_of = {word: row for row, word in enumerate(words)}
    with _lines(path) as lines:
        header, lines = _read_header(path, lines)
        vectors = np.zeros((len(words), header.size), dtype=np.float32)
        exact, covered = np.zeros((2, len(words)), dtype=bool)
        n_read = 0
        for number, line in lines:
            word = _word(path, number, line, header.size)
            n_read += 1
            row = row_of.get(word)
            is_exact = row is not None
            if row is None:
                row = row_of.get(word.lower())
            if row is None or exact[row] or (covered[row] and not is_exact):
                continue
            vectors[row] = _numbers(path, number, line, header.size)
            covered[row], exact[row] = True, is_exact
    if header.count is not None and n_read != header.count:
        raise InputError(f"{path}: {n_read} vectors, but {header.count} by its first line: is the file complete?")
    return vectors, covered


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[Line]]:
    """Yield the lines of a file that are not empty, without line ends; other separators of lines are parts of words."""

    def numbered(file) -> Iterator[Line]:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise _damaged(path, number, f"more than {LONGEST_LINE:,} characters")
            if line.strip():
                yield number, line.rstrip(b" \r\n")

    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield numbered(file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: a damaged gzip file ({error}): download it again") from None


def _read_header(path: Path, lines: Iterator[Line]) -> tuple[Header, Iterator[Line]]:
    """Return the header, and the lines with vectors."""
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path}: an empty file, not word vectors")
    number, line = first
    fields = line.split(b" ")
    if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit() and int(fields[1]) > 0:
        return Header(size=int(fields[1]), count=int(fields[0])), lines
    if len(fields) < 3:
        raise _damaged(path, number, "no word with a vector")
    size = len(fields) - 1
    _numbers(path, number, line, size)
    return Header(size=size, count=None), _chain(first, lines)


def _chain(first: Line, lines: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from lines


def _word(path: Path, number: int, line: bytes, size: int) -> str:
    """Return the word of a line; some of GloVe's have spaces, which no word of a vocabulary has."""
    spaces = line.count(b" ")
    if spaces == size:
        return line[: line.index(b" ")].decode(errors="replace")
    word, *further = line.rsplit(b" ", size)[0].split(b" ")
    if spaces < size or all(map(_is_number, further)):
        raise _damaged(path, number, f"{spaces} numbers after the word, not {size}")
    return b" ".join([word, *further]).decode(errors="replace")


def _numbers(path: Path, number: int, line: bytes, size: int) -> np.ndarray:
    try:
        vector = np.array(line.rsplit(b" ", size)[1:], dtype=np.float32)
    except ValueError:
        raise _damaged(path, number, "not all are numbers") from None
    if not np.isfinite(vector).all():
        raise _damaged(path, number, "not all numbers are finite")
    return vector


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _damaged(path: Path, number: int, problem: str) -> InputError:
    return InputError(
        f"{path}, line {number}: {problem}. Each line should be a word and its vector, separated by single spaces, as "
        "in the text formats of GloVe and word2vec; convert binary or zipped files, and download a damaged one again"
    )
