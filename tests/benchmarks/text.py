"""Fine-tuning a text encoder: this project's step against the published way, and each change alone.

    python tests/benchmarks/text.py --size base            # CPU: about ten minutes; --size tiny: seconds
    python tests/benchmarks/text.py --size large --pairs 8192 --batch 128 --compile     # on a GPU

The published way tokenises each pair whenever it comes up, pads to a fixed 128, and trains in fp32 with eager
attention. Both train on the same pairs, made-up texts of realistic lengths, drawn evenly from the batches of an epoch;
weights are random. Ours is measured end to end, with the encoding to disk that later epochs do without. `peak` is the
share of the machine's matrix-multiply rate, measured in the same process, that the arithmetic of the real tokens takes
(no padding), the rate being that of the precision ours runs in: on a GPU the MFU. The last line is one JSON object
with the figures.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from texts import draw_products
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import CamembertConfig, CamembertModel, CamembertTokenizer

from latefusion.config import Hardware, ScratchEncoder, TextTraining, TransformerExpert
from latefusion.experts.text.scratch_encoder import learn_tokenizer
from latefusion.experts.text.tokens import TextDataset, collate, encode, open_tokens, read_pairs
from latefusion.experts.text.transformer import TextClassifier
from latefusion.training.batches import TrainBatches, micro_batch
from latefusion.training.loop import make_accelerator, train_steps
from latefusion.training.optim import lr_factor, make_optimizer

CLASSES, POPULATION, MAX_LENGTH = 27, 10_000, 128
VOCABULARY = 32_005  # CamemBERT's embeddings
# The vocabulary learnt from the made-up texts is smaller: it cuts them into tokens of 4 characters, as real ones are.
EXPERT = TransformerExpert(kind="transformer", scratch=ScratchEncoder(vocab_size=2000), max_length=MAX_LENGTH)
SIZES = {
    "tiny": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}


@dataclass(frozen=True)
class Levers:
    """What sets a run apart from the published way."""

    tokenise_once: bool = False
    padding: str = "fixed"  # or dynamic, grouped
    attention: str = "eager"
    precision: str = "no"
    fused: bool = False
    compile: bool = False


@dataclass
class Bench:
    """The pairs, in the order of length-grouped batches, and the network's size."""

    products: pd.DataFrame
    tokenizer: CamembertTokenizer
    size: str
    batch_size: int
    device: torch.device

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return read_pairs(self.tokenizer, self.products, EXPERT)

    @property
    def targets(self) -> np.ndarray:
        return self.products["label"].astype(int).to_numpy()

    def build(self, attention: str) -> TextClassifier:
        torch.manual_seed(0)
        special = {name: getattr(self.tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
        config = CamembertConfig(
            vocab_size=VOCABULARY, max_position_embeddings=514, type_vocab_size=1, **special, **SIZES[self.size]
        )
        encoder = CamembertModel(config)
        encoder.set_attn_implementation(attention)
        return TextClassifier(encoder, CLASSES, bias=False).to(self.device)

    def encode_one(self, row: int) -> dict[str, list[int]]:
        pairs = read_pairs(self.tokenizer, self.products[row : row + 1], EXPERT)
        return encode(self.tokenizer, pairs, MAX_LENGTH)[0]

    def in_batches(self, rows: np.ndarray) -> list[np.ndarray]:
        return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]


def published(bench: Bench, levers: Levers) -> float:
    """Train the published way but for the levers; return pairs a second, tokenising included."""
    model = bench.build(levers.attention).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.0, fused=levers.fused or None)
    if levers.compile:
        model.compile()
    order = np.arange(len(bench.products))
    if levers.padding != "grouped":
        order = np.random.default_rng(0).permutation(order)

    fill = {"input_ids": bench.tokenizer.pad_token_id}

    def epoch(batches: list[np.ndarray]) -> None:
        if levers.tokenise_once:
            encodings = encode(bench.tokenizer, bench.pairs, MAX_LENGTH)
        for rows in batches:
            if levers.tokenise_once:
                items = [encodings[row] for row in rows]
            else:
                items = [bench.encode_one(row) for row in rows]
            batch = collate(items, bench.tokenizer.pad_token_id)
            if levers.padding == "fixed":
                batch = {
                    key: nn.functional.pad(value, (0, MAX_LENGTH - value.shape[1]), value=fill.get(key, 0))
                    for key, value in batch.items()
                }
            batch["labels"] = torch.from_numpy(bench.targets[rows])
            with torch.autocast(bench.device.type, torch.bfloat16, enabled=levers.precision == "bf16"):
                loss = model(**{key: value.to(bench.device) for key, value in batch.items()})["loss"]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        wait(bench.device)

    batches = bench.in_batches(order)
    epoch(batches if levers.compile else [batches[0][:4]])  # warm up; the compiler needs to have seen the shapes
    started = time.perf_counter()
    epoch(batches)
    return len(bench.products) / (time.perf_counter() - started)


def ours(bench: Bench, precision: str, *, compiled: bool) -> float:
    """Train with the project's own parts; return pairs a second, with the encoding to disk."""
    accelerator = make_accelerator(Hardware(num_workers=0, mixed_precision=precision))
    model = bench.build("sdpa")
    training = TextTraining(batch_size=bench.batch_size, epochs=1)
    optimizer = make_optimizer([{"params": model.parameters()}], training)
    scheduler = LambdaLR(optimizer, lr_factor(training, len(bench.products) // bench.batch_size))
    if compiled:
        model.compile()
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)

    pad = partial(collate, pad_token_id=bench.tokenizer.pad_token_id)

    def epoch(folder: str, batches: list[np.ndarray]) -> None:
        store = open_tokens(bench.tokenizer, bench.products, EXPERT, Path(folder))
        sampler = TrainBatches(len(bench.products), training)
        sampler.micro_batches = [micro_batch(rows, 0, 1) for rows in batches]
        loader = DataLoader(
            TextDataset(store, bench.products, bench.targets), batch_sampler=sampler, collate_fn=pad,
            pin_memory=torch.cuda.is_available(),
        )  # fmt: skip
        for _ in train_steps(accelerator, model, loader, optimizer, scheduler):
            pass
        wait(bench.device)

    batches = bench.in_batches(np.arange(len(bench.products)))
    with tempfile.TemporaryDirectory() as folder:
        epoch(folder, batches if compiled else [batches[0][:4]])
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        epoch(folder, batches)
    return len(bench.products) / (time.perf_counter() - started)


def draw_pairs(count: int, batch_size: int) -> tuple[pd.DataFrame, CamembertTokenizer]:
    """Return pairs as they meet in an epoch of length-grouped batches: every n-th batch, by length."""
    population = draw_products(POPULATION, CLASSES, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = learn_tokenizer(population, EXPERT, Path(folder))
    encodings = encode(tokenizer, read_pairs(tokenizer, population, EXPERT), MAX_LENGTH)
    lengths = np.array([len(one["input_ids"]) for one in encodings])
    batches = TrainBatches(POPULATION, TextTraining(batch_size=batch_size), lengths=lengths)
    whole = sorted(
        (one.rows for one in batches.micro_batches if one.count == batch_size), key=lambda rows: lengths[rows].mean()
    )
    chosen = np.linspace(0, len(whole) - 1, count // batch_size + 2).round().astype(int)[1:-1]
    return population.iloc[np.concatenate([whole[index] for index in chosen])], tokenizer


def flops_of(lengths: np.ndarray, size: str) -> float:
    """Return the multiply-add work (2 each) of a training step on texts of these lengths, embeddings not counted."""
    width, layers = SIZES[size]["hidden_size"], SIZES[size]["num_hidden_layers"]
    dense = 2 * (4 * width**2 + 2 * width * SIZES[size]["intermediate_size"])  # a token and layer
    attention = 4 * width * lengths  # a token and layer: scores and their sum
    return 3 * layers * float((lengths * (dense + attention)).sum())  # the backward pass costs twice the forward


def matmul_rate(device: torch.device, precision: str) -> float:
    """Return the FLOP/s of a large matrix product, the best of several."""
    side = 8192 if device.type == "cuda" else 2048
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    best = float("inf")
    for _ in range(8):
        started = time.perf_counter()
        one @ one
        wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--precision", choices=["auto", "no", "bf16"], default="auto")
    parser.add_argument("--compile", action="store_true", help="compile ours, and measure compiling alone")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = make_accelerator(Hardware(mixed_precision=args.precision)).mixed_precision
    products, tokenizer = draw_pairs(args.pairs, args.batch)
    bench = Bench(products, tokenizer, args.size, args.batch, device)
    lengths = np.array([len(one["input_ids"]) for one in encode(tokenizer, bench.pairs, MAX_LENGTH)])
    grouped = sum(lengths[rows].max() * len(rows) for rows in bench.in_batches(np.arange(len(products))))
    peak = matmul_rate(device, precision)
    work = flops_of(lengths, args.size) / len(products)  # a pair
    padding = {"fixed": 1 - lengths.mean() / MAX_LENGTH, "grouped": 1 - lengths.sum() / grouped}
    print(
        f"camembert-{args.size}, {len(products)} pairs in batches of {args.batch}, {torch.get_num_threads()} threads, "
        f"{torch.cuda.get_device_name() if device.type == 'cuda' else 'CPU'}; tokens: mean {lengths.mean():.0f}, "
        f"{(lengths == MAX_LENGTH).mean():.0%} of the pairs fill {MAX_LENGTH}; padding: fixed {padding['fixed']:.0%}, "
        f"grouped {padding['grouped']:.1%}; matrix product {peak / 1e12:.2f} TFLOP/s ({precision})"
    )
    runs = {
        "published": Levers(),
        "tokenise_once": Levers(tokenise_once=True),
        "dynamic_padding": Levers(padding="dynamic"),
        "grouped_by_length": Levers(padding="grouped"),
        "sdpa": Levers(attention="sdpa"),
        "fused_adamw": Levers(fused=True),
    }
    if precision == "bf16":
        runs["bf16"] = Levers(precision="bf16")
    if args.compile:
        runs["compile"] = Levers(compile=True)
    print("| run | pairs/s | ratio | peak |\n|---|---|---|---|")
    figures = {}
    for name, levers in runs.items():
        figures[name] = published(bench, levers)
        report(name, figures, work, peak)
    figures["ours"] = ours(bench, precision, compiled=args.compile)
    report("ours", figures, work, peak)
    print(
        json.dumps(
            {
                f"text_{device.type}_speedup": round(figures["ours"] / figures["published"], 2),
                "size": args.size,
                "precision": precision,
                "pairs_per_second": {name: round(value, 3) for name, value in figures.items()},
                "share_of_matmul_peak": round(figures["ours"] * work / peak, 3),
                "padding_share": {name: round(value, 4) for name, value in padding.items()},
            }
        )
    )


def report(name: str, figures: dict[str, float], work: float, peak: float) -> None:
    speed = figures[name]
    ratio = speed / figures["published"]
    print(f"| {name} | {speed:.2f} | {ratio:.2f} | {speed * work / peak:.0%} |", flush=True)


if __name__ == "__main__":
    main()
