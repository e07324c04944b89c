"""Texts as token ids: encoded once, kept on disk, shared by all experts with the same texts and tokenizer.

Writes `weights/<experiment>/cache/tokens-<key>/`: the token ids of all products, concatenated (`input_ids.npy`, and
`token_type_ids.npy` if the tokenizer returns them), and the start of each product in them (`offsets.npy`). The key is a
hash of texts, tokenizer and settings: a change makes a new folder, and old folders may be deleted.
"""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from latefusion.config import TransformerExpert
from latefusion.experts.text.fields import Pair, clean_pairs
from latefusion.utils.files import atomic_write, remove
from latefusion.utils.progress import Bar

logger = logging.getLogger(__name__)
CHUNK = 1024  # products encoded at once


class TokenStore:
    """The token ids of all products of a catalogue."""

    def __init__(self, folder: Path, ids: pd.Index):
        self.ids = ids
        self.offsets = np.load(folder / "offsets.npy")  # (N + 1,)
        self.tokens = {
            path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*_ids.npy"))
        }  # each (all tokens,)

    def rows(self, products: pd.DataFrame) -> np.ndarray:
        return self.ids.get_indexer(products.index)


class TextDataset(Dataset):
    """Products as token ids: dicts of (length,) arrays and, if `targets` are given, the class number as `labels`."""

    def __init__(self, store: TokenStore, products: pd.DataFrame, targets: np.ndarray | None = None):
        self.store, self.targets = store, targets
        rows = store.rows(products)
        self.starts, self.ends = store.offsets[rows], store.offsets[rows + 1]
        self.lengths = self.ends - self.starts  # tokens of each product

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, key: int | tuple[int, int]) -> dict:
        index = key[0] if isinstance(key, tuple) else key  # (index, epoch) in training: text is not augmented
        span = slice(self.starts[index], self.ends[index])
        item = {name: tokens[span] for name, tokens in self.store.tokens.items()}
        return item if self.targets is None else item | {"labels": self.targets[index]}


class EncodedTexts(Dataset):
    """Texts as token ids: dicts of (length,) arrays."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[tuple[str, str]], max_length: int):
        self.encodings = encode(tokenizer, list(pairs), max_length)
        self.lengths = np.array([len(encoding["input_ids"]) for encoding in self.encodings])

    def __len__(self) -> int:
        return len(self.encodings)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return {name: np.array(ids) for name, ids in self.encodings[index].items()}


def open_tokens(
    tokenizer: PreTrainedTokenizerBase, products: pd.DataFrame, expert: TransformerExpert, cache: Path
) -> TokenStore:
    """Return the products' token ids from the cache; encode them first if they are not there."""
    pairs = read_pairs(tokenizer, products, expert)
    folder = cache / f"tokens-{_key(tokenizer, products.index, pairs, expert.max_length)}"
    if not _is_complete(folder, len(products)):
        remove(folder)
        temporary = folder.with_name(f"{folder.name}-{uuid4().hex[:8]}")
        with atomic_write(temporary) as partial:
            partial.mkdir()
            _encode_to(partial, tokenizer, pairs, expert.max_length)
        try:
            os.replace(temporary, folder)
        except OSError:  # a parallel job has written the same folder first
            remove(temporary)
        logger.info("token ids of %d products: %s", len(products), folder)
    return TokenStore(folder, products.index)


def _is_complete(folder: Path, n_products: int) -> bool:
    """Return whether a folder holds the token ids of all products; an incomplete one is written again."""
    try:
        offsets = np.load(folder / "offsets.npy")
        sizes = {len(np.load(path, mmap_mode="r")) for path in folder.glob("*_ids.npy")}
    except (OSError, ValueError, EOFError):
        return False
    return len(offsets) == n_products + 1 and sizes == {int(offsets[-1])}


def read_pairs(tokenizer: PreTrainedTokenizerBase, products: pd.DataFrame, expert: TransformerExpert) -> list[Pair]:
    """Return the pairs of texts, cleaned; a missing description is empty, or a literal `<pad>` as published."""
    missing = tokenizer.pad_token if expert.missing_description == "pad_token" else ""
    return [(first, second or missing) for first, second in clean_pairs(products, expert)]


def encode(tokenizer: PreTrainedTokenizerBase, pairs: list[Pair], max_length: int) -> list[dict[str, list[int]]]:
    """Tokenise pairs of texts; if the second is empty, only the first."""
    encodings: list = [None] * len(pairs)
    for is_pair in (True, False):
        rows = [row for row, (_, text) in enumerate(pairs) if bool(text) == is_pair]
        if rows:
            batch = tokenizer(
                [pairs[row][0] for row in rows],
                [pairs[row][1] for row in rows] if is_pair else None,
                truncation=True,
                max_length=max_length,
                return_attention_mask=False,  # nothing is padded here: `collate` makes the mask from the lengths
            )
            for index, row in enumerate(rows):
                encodings[row] = {key: values[index] for key, values in batch.items()}
    return encodings


def collate(items: list[dict], pad_token_id: int) -> dict[str, torch.Tensor]:
    """Return (B, L) tensors, padded to the longest text of the batch, with the attention mask."""
    lengths = np.array([len(item["input_ids"]) for item in items])
    real = np.arange(lengths.max()) < lengths[:, None]  # (B, L)
    batch = {"attention_mask": torch.from_numpy(real.astype(np.int64))}
    for key in (key for key in items[0] if key != "labels"):
        padded = np.full(real.shape, pad_token_id if key == "input_ids" else 0, dtype=np.int64)
        padded[real] = np.concatenate([item[key] for item in items])
        batch[key] = torch.from_numpy(padded)
    if "labels" in items[0]:
        batch["labels"] = torch.from_numpy(np.asarray([item["labels"] for item in items]))
    return batch


def _key(tokenizer: PreTrainedTokenizerBase, ids: pd.Index, pairs: list[tuple[str, str]], max_length: int) -> str:
    settings = [type(tokenizer).__name__, tokenizer.model_input_names, tokenizer.truncation_side, max_length]
    content = json.dumps([settings, _vocabulary(tokenizer), list(ids), pairs])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _vocabulary(tokenizer: PreTrainedTokenizerBase) -> dict:
    if not tokenizer.is_fast:
        return tokenizer.get_vocab()
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    # truncation and padding depend on the last call
    return {key: value for key, value in backend.items() if key not in ("truncation", "padding")}


def _encode_to(folder: Path, tokenizer: PreTrainedTokenizerBase, pairs: list[tuple[str, str]], max_length: int) -> None:
    """Write the token ids of all pairs, and their offsets, to a folder."""
    ids: dict[str, list[np.ndarray]] = {}
    lengths = []
    with Bar(total=len(pairs), desc="tokens", unit="product") as bar:
        for start in range(0, len(pairs), CHUNK):
            encodings = encode(tokenizer, pairs[start : start + CHUNK], max_length)
            for key in encodings[0]:
                ids.setdefault(key, []).extend(np.array(one[key], dtype=np.int32) for one in encodings)
            lengths += [len(one["input_ids"]) for one in encodings]
            bar.update(len(encodings))
    for key, arrays in ids.items():
        np.save(folder / f"{key}.npy", np.concatenate(arrays))
    np.save(folder / "offsets.npy", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
