"""Tiny networks with pretrained weights, which may be trained in part."""

import timm
import torch
from safetensors.torch import save_file
from transformers import CamembertConfig, CamembertModel

from latefusion.config import TransformerExpert
from latefusion.experts.text.scratch_encoder import learn_tokenizer
from latefusion.plan.pretrained import FOLDER

ENCODER, CNN = "someone/tiny-bert", "test_efficientnet.r160_in1k"
PARTLY = {"trainable": 2, "layer_decay": 0.8}
PARTLY_TEXT = {
    "kind": "transformer",
    "model": ENCODER,
    "max_length": 24,
    "head_lr_factor": 5,
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.01} | PARTLY,
}
PARTLY_CNN = {
    "kind": "cnn",
    "model": CNN,
    "head_lr_factor": 5,
    "image": {"resize": 66, "crop": 64},
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.01} | PARTLY,
}
PARTLY_DCL = {
    "kind": "dcl",
    "start_from": "cnn",
    "image": {"resize": 66, "crop": 64},
    "grid": 2,
    "train": {"epochs": 1, "batch_size": 32, "lr": 0.01} | PARTLY,
}
PARTLY_JOINT = {
    "kind": "joint",
    "text": "text",
    "image": "cnn",
    "features": "end_to_end",
    "hidden_size": 16,
    "train": {"epochs": 1, "batch_size": 32, "lr": 0.01} | PARTLY,
}


def save_tiny_encoder(products, layers: int = 4) -> None:
    """Save a CamemBERT with random weights, and a vocabulary of the products' texts, where ENCODER is looked for."""
    folder = FOLDER / ENCODER.replace("/", "--")
    expert = TransformerExpert(kind="transformer", scratch={"vocab_size": 200})
    tokenizer = learn_tokenizer(products, expert, folder)
    tokenizer.save_pretrained(folder)
    config = CamembertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=32, pad_token_id=1, type_vocab_size=1,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    CamembertModel(config).save_pretrained(folder)


def save_tiny_cnn() -> None:
    """Save a small EfficientNet with random weights, which has seen some images, where CNN is looked for."""
    torch.manual_seed(0)
    model = timm.create_model(CNN)
    model.train()(torch.randn(16, 3, 64, 64))
    folder = FOLDER / CNN
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
