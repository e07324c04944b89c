"""Pooling: how the hidden states of an encoder become one vector per text."""

from collections.abc import Callable

import torch
from torch import nn


def pooled_output(encoder: nn.Module, **inputs: torch.Tensor) -> torch.Tensor:
    """Return the encoder's pooled output (B, F); without a pooler, the last hidden state of the first token."""
    outputs = encoder(**inputs)
    pooled = outputs.get("pooler_output")
    return outputs.last_hidden_state[:, 0] if pooled is None else pooled


def mean_over_tokens(encoder: nn.Module, attention_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
    """Return the mean of the last hidden states over the tokens that are not padding, (B, F)."""
    hidden = encoder(attention_mask=attention_mask, **inputs).last_hidden_state.float()  # (B, L, F)
    mask = attention_mask.unsqueeze(-1).float()
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)


Pooling = Callable[..., torch.Tensor]  # (encoder, **inputs) -> (B, F)
POOLINGS: dict[str, Pooling] = {"mean": mean_over_tokens, "published": pooled_output}
