"""The transformer expert: a Hugging Face encoder on title and description, or one, with a linear class head."""

from functools import partial
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModel

from latefusion.config import TransformerExpert
from latefusion.experts.context import Context
from latefusion.experts.exported import WEIGHTS, Opening, Restored, copy_results
from latefusion.experts.layers import backbone_groups, join_equal
from latefusion.experts.network import Network
from latefusion.experts.text.encoder_layers import encoder_layers
from latefusion.experts.text.fields import require_texts
from latefusion.experts.text.pooling import POOLINGS
from latefusion.experts.text.pretrained_encoder import load_config, load_encoder
from latefusion.experts.text.scratch_encoder import learn_tokenizer, make_encoder
from latefusion.experts.text.tokens import EncodedTexts, TextDataset, collate, open_tokens, read_pairs
from latefusion.plan.pretrained import find_encoder
from latefusion.training.objective import ONE_LABEL, Objective, make_objective, outputs
from latefusion.utils.weights import load_weights

ENCODER = "encoder"  # the folder of an exported expert with the tokenizer and the encoder's config


class TextClassifier(nn.Module):
    """Encoder, pooling, linear head. A pooler that is not used is removed."""

    layers_of = staticmethod(encoder_layers)

    def __init__(
        self,
        encoder: nn.Module,
        num_classes: int,
        *,
        bias: bool,
        pooling: str = "published",
        objective: Objective = ONE_LABEL,
    ):
        super().__init__()
        self.objective = objective
        self.encoder, self.pool = encoder, POOLINGS[pooling]
        if pooling != "published" and getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        self.head = nn.Linear(encoder.config.hidden_size, num_classes, bias=bias)

    @property
    def feature_size(self) -> int:
        return self.head.in_features

    def features(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Return the input of the class head, (B, F)."""
        return self.pool(self.encoder, **inputs)

    def forward(self, labels: torch.Tensor | None = None, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.head(self.features(**inputs))  # (B, C)
        return outputs(self.objective, logits, labels)


def build(context: Context, expert: TransformerExpert, run_dir: Path) -> Network:
    """Build the network from pretrained weights, or from scratch: a small CamemBERT with its own vocabulary.

    Without pretrained weights the tokenizer is written to `run_dir`. Token ids are written to the experiment's cache.
    """
    dataset, cache = context.dataset, context.experiment.run_root / "cache"
    require_texts(dataset.select("train"), expert)
    with context.accelerator.main_process_first():  # the others read vocabulary and token ids from disk
        if expert.scratch is None:
            tokenizer, encoder = load_encoder(
                find_encoder(expert.require_pretrained_model()), max_length=expert.max_length, dropout=expert.dropout,
                random_pooler=expert.pooling == "published",
            )  # fmt: skip
        else:
            tokenizer = learn_tokenizer(dataset.select("train"), expert, run_dir / "tokenizer")
            encoder = make_encoder(expert, tokenizer)
        store = open_tokens(tokenizer, dataset.products, expert, cache)
    if expert.train.gradient_checkpointing:
        encoder.activation_checkpointing_enable()
    model = TextClassifier(
        encoder, len(dataset.classes), bias=expert.head_bias, pooling=expert.pooling,
        objective=make_objective(expert.train, several=dataset.several),
    )  # fmt: skip
    head_group = {"params": list(model.head.parameters()), "lr_factor": expert.head_lr_factor}
    return Network(
        model=model,
        param_groups=join_equal([*backbone_groups(encoder, encoder_layers, expert.train), head_group]),
        train_set=lambda products: TextDataset(store, products, dataset.targets(products)),
        eval_set=lambda products: TextDataset(store, products),
        collate=partial(collate, pad_token_id=tokenizer.pad_token_id),
    )


def export_transformer(context: Context, name: str, expert: TransformerExpert, folder: Path) -> None:
    """Write the weights, the tokenizer, and the encoder's config."""
    copy_results(context, name, folder, WEIGHTS)
    export_encoder(context, expert, context.experiment.expert_dir(name), folder)


def export_encoder(context: Context, expert: TransformerExpert, run_dir: Path, folder: Path) -> None:
    """Write the tokenizer and the encoder's config; a tokenizer from scratch is in the run folder of the training."""
    if expert.scratch is None:
        config, tokenizer = load_config(find_encoder(expert.require_pretrained_model()), expert.dropout)
    else:
        tokenizer = learn_tokenizer(context.dataset.select("train"), expert, run_dir / "tokenizer")
        config = make_encoder(expert, tokenizer).config
    tokenizer.save_pretrained(folder / ENCODER)
    config.save_pretrained(folder / ENCODER)


def restore_transformer(opening: Opening, expert: TransformerExpert) -> Restored:
    """Return the network of an exported expert."""
    restored = restore_encoder(opening, expert)
    load_weights(restored.model, opening.folder / WEIGHTS)
    return restored


def restore_encoder(opening: Opening, expert: TransformerExpert) -> Restored:
    """Return the network with random weights."""
    config, tokenizer = load_config(str(opening.folder / ENCODER), None)
    encoder = AutoModel.from_config(config, trust_remote_code=False)
    return Restored(
        model=TextClassifier(
            encoder,
            opening.num_classes,
            bias=expert.head_bias,
            pooling=expert.pooling,
            objective=make_objective(expert.train, several=opening.several),
        ),
        dataset=lambda products, images: EncodedTexts(
            tokenizer, read_pairs(tokenizer, products, expert), expert.max_length
        ),
        collate=partial(collate, pad_token_id=tokenizer.pad_token_id),
        batch_size=expert.train.batch_size,
    )
