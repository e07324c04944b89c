"""Load a pretrained Hugging Face encoder with its tokenizer: rightly, or not at all."""

import logging
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

from latefusion.utils.errors import InputError, reported_as

logger = logging.getLogger(__name__)

MAY_BE_MISSING = ("pooler.",)  # many checkpoints have none
DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "hidden_dropout",
    "embedding_dropout", "mlp_dropout",
)  # fmt: skip


def load_encoder(
    source: str, *, max_length: int, dropout: float | None = None
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Load tokenizer and encoder of a folder or a name on the hub, in fp32 whatever the file's precision.

    Only a pooler may be missing, as published: it then starts at random and is trained; heads of an earlier task may be
    left over. Code that a model brings is never run. Raises InputError naming what else is missing, left over, of
    another shape or broken, where tokenizer and weights do not belong together, and where texts of `max_length` tokens
    are too long for it.
    """
    config, tokenizer = _load_config(source, dropout)
    with _loading(source, "the weights cannot be loaded into what config.json describes"):
        encoder, report = AutoModel.from_pretrained(
            source, config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True,
            trust_remote_code=False, weights_only=True,
        )  # fmt: skip
    _check_weights(encoder, report, source)
    _check_length(encoder, max_length, source)
    with _loading(source, "tokenizer and encoder cannot read a text"):
        _check_tokenizer(tokenizer, config, source)
        _check_reading(tokenizer, encoder, max_length)
    return tokenizer, encoder


def check_encoder(folder: Path, *, max_length: int, dropout: float | None = None) -> PreTrainedModel:
    """Build an encoder from a folder's config, without its weights; raise InputError as `load_encoder` does."""
    source = str(folder)
    config, tokenizer = _load_config(source, dropout)
    if config.is_encoder_decoder:
        raise InputError(f"{source}: a {config.model_type} model decodes; an encoder is needed, such as BERT's")
    with _loading(source, "config.json describes no network that can be built"):
        encoder = AutoModel.from_config(config, trust_remote_code=False)
    _check_length(encoder, max_length, source)
    with _loading(source, "the tokenizer cannot read a text"):
        _check_tokenizer(tokenizer, config, source)
    return encoder


def _load_config(source: str, dropout: float | None) -> tuple[PretrainedConfig, PreTrainedTokenizerBase]:
    with _loading(source, "config.json cannot be loaded"):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    with _loading(source, "the tokenizer cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if dropout is not None:
        _set_dropout(config, dropout, source)
    return config, tokenizer


@contextmanager
def _loading(source: str, problem: str) -> Iterator[None]:
    """Refuse what is damaged, and models that need code of their own."""
    try:
        with reported_as(f"{source}: {problem}; fetch the files again?"):
            yield
    except InputError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise InputError(
            f"{source}: this model needs code of its own (auto_map in its files), which is never run here: choose a "
            "model whose architecture is part of transformers"
        ) from None


def _set_dropout(config: PretrainedConfig, dropout: float, source: str) -> None:
    known = [name for name in DROPOUTS if hasattr(config, name)]
    if not known:
        raise InputError(f"{source}: a {config.model_type} encoder has no dropout to set: leave out the expert's")
    for name in known:
        setattr(config, name, dropout)


def _check_weights(encoder: PreTrainedModel, report: dict, source: str) -> None:
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(MAY_BE_MISSING))
    if missing:
        raise InputError(f"{source}: the weights lack {len(missing)} tensors of the encoder, such as {missing[0]}")
    own = tuple(f"{name}." for name, _ in encoder.named_children())
    left_over = sorted(
        key
        for key in (key.removeprefix(f"{encoder.base_model_prefix}.") for key in report["unexpected_keys"])
        if key.startswith(own) and not key.startswith(MAY_BE_MISSING) and not key.endswith("position_ids")
    )
    if left_over:
        raise InputError(
            f"{source}: config.json has no place for {len(left_over)} tensors of the weights, such as {left_over[0]}: "
            "do the two belong together?"
        )
    if report["mismatched_keys"]:
        name, found, expected = sorted(report["mismatched_keys"])[0]
        raise InputError(f"{source}: {name} has shape {tuple(found)}, config.json says {tuple(expected)}")
    if report["missing_keys"]:
        logger.info("%s brings no pooler: it starts at random, from the expert's seed, and is trained", source)


def _check_length(encoder: PreTrainedModel, max_length: int, source: str) -> None:
    positions = getattr(encoder.config, "max_position_embeddings", None)
    if positions is None:
        return
    padding_idx = getattr(getattr(encoder, "embeddings", None), "padding_idx", None)
    longest = positions if padding_idx is None else positions - padding_idx - 1  # RoBERTa's start after the padding's
    if max_length > longest:
        raise InputError(
            f"{source}: max_length {max_length} is more than the {longest} tokens the encoder has places for"
        )


def _check_tokenizer(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, source: str) -> None:
    """Refuse a tokenizer of another model: more tokens than embeddings, or special tokens elsewhere."""
    if len(tokenizer) > config.vocab_size:
        raise InputError(f"{source}: {len(tokenizer)} tokens, but embeddings for {config.vocab_size}")
    if tokenizer.pad_token_id is None:
        raise InputError(f"{source}: the tokenizer has no padding token, as encoders' have")
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        ours, theirs = getattr(tokenizer, name), getattr(config, name, None)
        if ours is not None and theirs is not None and ours != theirs:
            raise InputError(
                f"{source}: {name} is {ours} in the tokenizer, {theirs} in config.json: another model's vocabulary?"
            )
    probe = tokenizer("Lampe de salon 220 V", add_special_tokens=False)["input_ids"]
    if all(token == tokenizer.unk_token_id for token in probe):
        raise InputError(f"{source}: the tokenizer knows no word: are its files there (tokenizer.json, *.model)?")


@torch.no_grad()
def _check_reading(tokenizer: PreTrainedTokenizerBase, encoder: PreTrainedModel, max_length: int) -> None:
    """Read a pair of texts once: a number in config.json that fits no tensor shows here, not in the first epoch."""
    encoder(**tokenizer("Lampe de salon", "220 V", truncation=True, max_length=max_length, return_tensors="pt"))
