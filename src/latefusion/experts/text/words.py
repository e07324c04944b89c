"""Texts as the words that a text CNN reads: how a text is split, the vocabulary, and the dataset of word numbers."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from latefusion.config import TextCnnExpert
from latefusion.experts.text.fields import clean_pairs
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_text

PADDING, UNKNOWN = 0, 1  # the numbers of what pads short texts, and of words that are not in the vocabulary
SPECIAL = ("<padding>", "<unknown>")  # no words: these hold no punctuation
HEADER = "word\tcount\tcovered\n"
LONGEST_WORD = 30  # characters, in descriptions
# Scripts without spaces: each character is a word.
WITHOUT_SPACES = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Burmese
    range(0x1780, 0x1800),  # Khmer
    range(0x3040, 0x3100),  # Japanese syllables
    range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x40000),  # Chinese characters
)  # fmt: skip


class Separation(dict[int, str]):
    """For `str.translate`: punctuation and symbols become spaces, and digits too if they are `separators`."""

    def __init__(self, *, digits_separate: bool):
        super().__init__()
        self.separating = "PSZCN" if digits_separate else "PSZC"  # first letters of Unicode's categories

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.category(character)[0] in self.separating:
            found = " "
        elif any(code in script for script in WITHOUT_SPACES):
            found = f" {character} "
        else:
            found = character
        self[code] = found
        return found


TITLE, DESCRIPTION = Separation(digits_separate=False), Separation(digits_separate=True)


def read_words(products: pd.DataFrame, expert: TextCnnExpert) -> Iterator[list[str]]:
    """Yield the words of each product, at most `expert.max_words`."""
    for pair in clean_pairs(products, expert):
        yield split_words(" ".join(pair), expert)[: expert.max_words]


def split_words(text: str, expert: TextCnnExpert) -> list[str]:
    """Return all words of a cleaned text, as `expert.preprocessing` says."""
    if expert.preprocessing == "title":
        return text.lower().translate(TITLE).split()
    removed = _stop_words(expert.stop_words)
    words = text.lower().translate(DESCRIPTION).split()
    return [word for word in words if len(word) <= LONGEST_WORD and word not in removed]


@lru_cache(maxsize=16)
def _stop_words(words: str | tuple[str, ...] | None) -> frozenset[str]:
    """Return stop words, split as the texts are: `don't` is `don` and `t`."""
    if words is None:
        return frozenset()
    if words == "english":
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        words = tuple(ENGLISH_STOP_WORDS)
    return frozenset(" ".join(words).lower().translate(DESCRIPTION).split())


@dataclass(frozen=True)
class Vocabulary:
    """The words of the training texts, the most frequent first; a word's number is its index here, plus 2."""

    words: tuple[str, ...]
    counts: np.ndarray  # (V,) in the training texts
    unknown: int  # running words of the training texts that are not in the vocabulary

    def __len__(self) -> int:
        """Return the number of word vectors: of all words, of padding and of unknown words."""
        return len(self.words) + len(SPECIAL)

    def numbers(self, texts: Iterable[list[str]]) -> Iterator[np.ndarray]:
        """Yield the (length,) int32 numbers of the words of each text."""
        number = {word: index for index, word in enumerate(self.words, start=len(SPECIAL))}
        for words in texts:
            yield np.array([number.get(word, UNKNOWN) for word in words], dtype=np.int32)

    def coverage(self, covered: np.ndarray) -> dict[str, float]:
        """Return the shares of the vocabulary, and of the running words of the training texts, that are `covered`."""
        running = self.counts.sum() + self.unknown
        return {
            "vocabulary_covered": float(covered.mean()),
            "words_covered": float(self.counts[covered].sum() / running),
        }

    def save(self, path: Path, covered: np.ndarray) -> None:
        """Write a table with a line per number: word, count, and whether the word vectors cover it, (V,)."""
        lines = [f"{SPECIAL[PADDING]}\t0\tFalse\n", f"{SPECIAL[UNKNOWN]}\t{self.unknown}\tFalse\n"]
        lines += [
            f"{word}\t{count}\t{one}\n" for word, count, one in zip(self.words, self.counts, covered, strict=True)
        ]
        write_text(path, HEADER + "".join(lines))

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote. Raises InputError if it is not that."""
        lines = path.read_text(encoding="utf-8").split("\n")
        try:
            rows = [line.split("\t") for line in lines[1:-1]]
            words, counts = tuple(row[0] for row in rows), [int(row[1]) for row in rows]
            if words[: len(SPECIAL)] != SPECIAL:
                raise ValueError(f"its first words are not {SPECIAL}")
        except (ValueError, IndexError) as error:
            raise InputError(f"{path}: not a vocabulary of a text_cnn expert ({error})") from None
        return cls(words[len(SPECIAL) :], np.array(counts[len(SPECIAL) :], dtype=np.int64), counts[UNKNOWN])


def learn_vocabulary(texts: Iterable[list[str]], expert: TextCnnExpert) -> Vocabulary:
    """Return the words that occur `min_count` times in the training texts, at most `max_vocabulary`.

    Words of the same frequency are in alphabetical order. Raises InputError if there are none.
    """
    found = Counter(word for words in texts for word in words)
    frequent = [item for item in found.items() if item[1] >= expert.min_count]
    kept = sorted(frequent, key=lambda item: (-item[1], item[0]))[: expert.max_vocabulary]
    if not kept:
        raise InputError(
            f"no word occurs {expert.min_count} times or more in the training texts, which have {found.total()} words: "
            "lower min_count, or change preprocessing or reads"
        )
    counts = np.array([count for _, count in kept], dtype=np.int64)
    return Vocabulary(tuple(word for word, _ in kept), counts, found.total() - int(counts.sum()))


class WordDataset(Dataset):
    """Products as word numbers: dicts of `words` (length,) and, if `targets` are given, `labels`."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        products: pd.DataFrame,
        expert: TextCnnExpert,
        targets: np.ndarray | None = None,
    ):
        numbers = list(vocabulary.numbers(read_words(products, expert)))
        self.targets = targets
        lengths = np.array([len(one) for one in numbers], dtype=np.int64)
        self.ends = lengths.cumsum()
        self.starts = self.ends - lengths
        self.numbers = np.concatenate([np.empty(0, np.int32), *numbers])  # one array: workers share its memory
        self.lengths = np.maximum(lengths, 1)  # for batches of similar length; an empty text is padded

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, key: int | tuple[int, int]) -> dict:
        index = key[0] if isinstance(key, tuple) else key  # (index, epoch) in training: text is not augmented
        item = {"words": self.numbers[self.starts[index] : self.ends[index]]}
        return item if self.targets is None else item | {"labels": self.targets[index]}


def collate(items: list[dict], expert: TextCnnExpert) -> dict[str, torch.Tensor]:
    """Return `words` (B, L), padded, and `labels`.

    All texts count as padded to `max_words`. Here they are padded to the longest of the batch and the widest filter,
    at most to `max_words`: that is the same for a maximum over time, because all further windows hold only padding.
    """
    longest = max(len(item["words"]) for item in items)
    words = np.full((len(items), min(longest + max(expert.filter_widths), expert.max_words)), PADDING, dtype=np.int64)
    for row, item in zip(words, items, strict=True):
        row[: len(item["words"])] = item["words"]
    batch = {"words": torch.from_numpy(words)}
    if "labels" in items[0]:
        batch["labels"] = torch.from_numpy(np.asarray([item["labels"] for item in items]))
    return batch
