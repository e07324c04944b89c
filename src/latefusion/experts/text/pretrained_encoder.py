"""Load a pretrained Hugging Face encoder with its tokenizer, and check that config, weights and tokenizer match."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from latefusion.utils.errors import InputError, reported_as

logger = logging.getLogger(__name__)

MAY_BE_MISSING = ("pooler.",)  # many checkpoints have no pooler
DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "hidden_dropout",
    "embedding_dropout", "mlp_dropout",
)  # fmt: skip


def load_encoder(
    source: str, *, max_length: int, dropout: float | None = None, random_pooler: bool = True
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Load tokenizer and encoder from a folder, or by their name on the hub; always in fp32.

    Only the pooler's weights may be missing, as in the published system: it is then initialised at random and trained,
    or removed if not `random_pooler`.
    Weights of a head for another task are ignored. Code that comes with a model is never run. Raises InputError if
    other tensors are missing or unexpected, if a tensor has the wrong shape, if a file is damaged, if tokenizer and
    weights do not match, or if the encoder has fewer than `max_length` positions.
    """
    config, tokenizer = load_config(source, dropout)
    if not sys.stderr.isatty():  # bars in a log file
        disable_progress_bar()
    with _loading(source, "the weights cannot be loaded into the network of config.json"):
        encoder, report = AutoModel.from_pretrained(
            source, config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True,
            trust_remote_code=False, weights_only=True,
        )  # fmt: skip
    _check_weights(encoder, report, source)
    if report["missing_keys"] and random_pooler:
        logger.info("%s has no pooler: it is initialised at random, from the expert's seed, and trained", source)
    elif report["missing_keys"]:
        encoder.pooler = None
    _check_length(encoder, max_length, source)
    with _loading(source, "tokenizer and encoder cannot read a text"):
        _check_tokenizer(tokenizer, config, source)
        _check_reading(tokenizer, encoder, max_length)
    return tokenizer, encoder


def check_encoder(folder: Path, *, max_length: int, dropout: float | None = None) -> PreTrainedModel:
    """Build an encoder from a folder's config, without its weights; raises InputError as `load_encoder` does."""
    source = str(folder)
    config, tokenizer = load_config(source, dropout)
    if config.is_encoder_decoder:
        raise InputError(f"{source}: a {config.model_type} model is an encoder-decoder; use an encoder, such as BERT")
    with _loading(source, "no network can be built from config.json"):
        encoder = AutoModel.from_config(config, trust_remote_code=False)
    _check_length(encoder, max_length, source)
    with _loading(source, "the tokenizer cannot read a text"):
        _check_tokenizer(tokenizer, config, source)
    return encoder


def load_config(source: str, dropout: float | None) -> tuple[PretrainedConfig, PreTrainedTokenizerBase]:
    """Load the config of an encoder, with another dropout unless it is None, and the tokenizer."""
    with _loading(source, "config.json cannot be loaded"):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    with _loading(source, "the tokenizer cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if dropout is not None:
        _set_dropout(config, dropout, source)
    return config, tokenizer


@contextmanager
def _loading(source: str, problem: str) -> Iterator[None]:
    """Turn errors of transformers into an InputError, with a clear message for models that need custom code."""
    try:
        with reported_as(f"{source}: {problem}; download the files again"):
            yield
    except InputError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise InputError(
            f"{source}: this model needs custom code (auto_map in its files), which is never run; choose a "
            "model whose architecture is part of transformers"
        ) from None


def _set_dropout(config: PretrainedConfig, dropout: float, source: str) -> None:
    known = [name for name in DROPOUTS if hasattr(config, name)]
    if not known:
        raise InputError(f"{source}: a {config.model_type} encoder has no dropout to set; remove the expert's dropout")
    for name in known:
        setattr(config, name, dropout)


def _check_weights(encoder: PreTrainedModel, report: dict, source: str) -> None:
    """Raise InputError on missing or unexpected tensors and on wrong shapes, by transformers' loading report."""
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(MAY_BE_MISSING))
    if missing:
        raise InputError(f"{source}: the weights lack {len(missing)} tensors of the encoder, such as {missing[0]}")
    own = tuple(f"{name}." for name, _ in encoder.named_children())
    unexpected = sorted(
        key
        for key in (key.removeprefix(f"{encoder.base_model_prefix}.") for key in report["unexpected_keys"])
        if key.startswith(own) and not key.startswith(MAY_BE_MISSING) and not key.endswith("position_ids")
    )
    if unexpected:
        raise InputError(
            f"{source}: the network of config.json lacks {len(unexpected)} tensors of the weights, such as "
            f"{unexpected[0]}: config.json and weights must be of the same model"
        )
    if report["mismatched_keys"]:
        name, found, expected = sorted(report["mismatched_keys"])[0]
        raise InputError(f"{source}: {name} has shape {tuple(found)}, but {tuple(expected)} by config.json")


def _check_length(encoder: PreTrainedModel, max_length: int, source: str) -> None:
    """Raise InputError if the encoder has fewer than `max_length` positions."""
    positions = getattr(encoder.config, "max_position_embeddings", None)
    if positions is None:
        return
    padding_idx = getattr(getattr(encoder, "embeddings", None), "padding_idx", None)
    longest = positions if padding_idx is None else positions - padding_idx - 1  # RoBERTa: after padding_idx
    if max_length > longest:
        raise InputError(f"{source}: max_length {max_length} is more than the encoder's {longest} positions; lower it")


def _check_tokenizer(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, source: str) -> None:
    """Raise InputError on the tokenizer of another model: more tokens than embeddings, or other special token ids."""
    if len(tokenizer) > config.vocab_size:
        raise InputError(
            f"{source}: {len(tokenizer)} tokens, but {config.vocab_size} embeddings: another model's tokenizer?"
        )
    if tokenizer.pad_token_id is None:
        raise InputError(f"{source}: the tokenizer has no padding token, which batches need")
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        ours, theirs = getattr(tokenizer, name), getattr(config, name, None)
        if ours is not None and theirs is not None and ours != theirs:
            raise InputError(
                f"{source}: {name} is {ours} in the tokenizer, but {theirs} in config.json: another model's tokenizer?"
            )
    probe = tokenizer("Lampe de salon 220 V", add_special_tokens=False)["input_ids"]
    if all(token == tokenizer.unk_token_id for token in probe):
        raise InputError(
            f"{source}: the tokenizer maps every word to the unknown token: are its files missing "
            "(tokenizer.json, *.model)?"
        )


@torch.no_grad()
def _check_reading(tokenizer: PreTrainedTokenizerBase, encoder: PreTrainedModel, max_length: int) -> None:
    """Encode a pair of texts once, so that a wrong size in config.json is found before the first epoch."""
    encoder(**tokenizer("Lampe de salon", "220 V", truncation=True, max_length=max_length, return_tensors="pt"))
