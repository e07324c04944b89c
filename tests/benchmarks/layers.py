"""Training steps of partly frozen networks: a MiniLM-size encoder and EfficientNet-Lite0, all layers against some.

    OMP_NUM_THREADS=1 python tests/benchmarks/layers.py          # about a minute on one core

Weights and inputs are random. Times are of the process's own processor time, so that other work on the machine counts
little; the settings take turns, step by step. The last line is one JSON object with the figures.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from transformers import AutoModel, BertConfig

from latefusion.config import CnnExpert, ImageTraining, TextTraining
from latefusion.experts.image.backbone import TimmBackbone, timm_layers
from latefusion.experts.image.cnn import ImageClassifier
from latefusion.experts.layers import backbone_groups
from latefusion.experts.text.encoder_layers import encoder_layers
from latefusion.experts.text.transformer import TextClassifier
from latefusion.training.frozen import set_train_mode
from latefusion.training.optim import make_optimizer

CLASSES = 27
MINILM = BertConfig(
    hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, vocab_size=30_522
)


def encoder_step(trainable: str | int, batch: int, length: int) -> Callable[[], None]:
    """Return a function that makes one optimizer step of a partly frozen encoder."""
    model = TextClassifier(AutoModel.from_config(MINILM), CLASSES, bias=True)
    training = TextTraining(trainable=trainable)
    groups = backbone_groups(model.encoder, encoder_layers, training)
    ids = torch.randint(1000, 30_000, (batch, length))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.arange(batch) % CLASSES}
    return training_step(model, groups, training, inputs)


def cnn_step(trainable: str | int, batch: int, side: int) -> Callable[[], None]:
    """Return a function that makes one optimizer step of a partly frozen EfficientNet-Lite0."""
    net = TimmBackbone(CnnExpert(model="tf_efficientnet_lite0", pretrained=False), pretrained=False)
    model, training = ImageClassifier(net, CLASSES), ImageTraining(trainable=trainable)
    groups = backbone_groups(net, timm_layers, training)
    images = torch.randint(256, (batch, side, side, 3), dtype=torch.uint8)
    return training_step(model, groups, training, {"images": images, "labels": torch.arange(batch) % CLASSES})


def training_step(model: nn.Module, groups: list[dict], training, inputs: dict) -> Callable[[], None]:
    """Return a function that makes one optimizer step of the parameter groups and the class head."""
    optimizer = make_optimizer([*groups, {"params": list(model.head.parameters())}], training)
    set_train_mode(model)

    def step() -> None:
        model(**inputs)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def seconds(steps: dict[str | int, Callable[[], None]], repeats: int) -> dict[str | int, float]:
    """Return the median time of each step; the first round is a warm-up."""
    times: dict[str | int, list[float]] = {key: [] for key in steps}
    for _ in range(repeats + 1):
        for key, step in steps.items():
            started = time.process_time()
            step()
            times[key].append(time.process_time() - started)
    return {key: float(np.median(values[1:])) for key, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.manual_seed(0)
    rows = {
        "MiniLM, 16 x 128 tokens": {part: encoder_step(part, 16, 128) for part in ("all", 4, 2, 1, "head")},
        "Lite0, 16 x 224 pixels": {part: cnn_step(part, 16, 224) for part in ("all", 8, 4, 2, "head")},
    }
    figures = {}
    for name, steps in rows.items():
        times = seconds(steps, args.repeats)
        figures[name] = {part: round(value, 3) for part, value in times.items()}
        for part, value in times.items():
            print(f"| {name} | {part} | {value:.3f} s | {times['all'] / value:.2f} |")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
