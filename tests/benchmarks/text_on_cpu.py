"""A sentence encoder on CPU: fp32 beside torch.compile, int8 of torch, and int8 of ONNX Runtime; speed and loss.

    pip install onnx onnxscript onnxruntime          # without them, the two rows of ONNX are left out
    python tests/benchmarks/text_on_cpu.py products.csv --model folder/of/all-MiniLM-L6-v2 --text title description \
        --label category

A logistic regression is fitted on the fp32 features of 4 of 5 products (by seed), as a `text_probe` is. Each way of
computing the features then predicts the others with it: `changed` is the share of labels that differ from fp32's. The
ways take turns, batch by batch, so that other programs slow all of them alike; rows/s is of each batch's fastest turn.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from transformers import AutoModel, AutoTokenizer

BATCH, TURNS = 32, 2
Encode = Callable[[dict[str, torch.Tensor]], np.ndarray]  # from input_ids and attention_mask to (B, F)


class Pooled(torch.nn.Module):
    """The mean of the last hidden states over the tokens, of length 1."""

    def __init__(self, encoder: torch.nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None].to(hidden.dtype)
        return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)


def of_torch(model: torch.nn.Module, dtype: torch.dtype | None = None) -> Encode:
    @torch.inference_mode()
    def encode(batch: dict[str, torch.Tensor]) -> np.ndarray:
        with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            return model(**batch).float().numpy()

    return encode


def of_onnx(model: torch.nn.Module, batch: dict[str, torch.Tensor], folder: Path, threads: int) -> dict[str, Encode]:
    """Return the encoders of ONNX Runtime in fp32 and int8, none if it is not installed."""
    try:
        import onnxruntime as ort
        from onnxruntime.quantization import quantize_dynamic
    except ImportError:
        return {}
    axes = {name: {0: "batch", 1: "length"} for name in batch}
    torch.onnx.export(
        model, tuple(batch.values()), folder / "fp32.onnx", input_names=list(batch), output_names=["features"],
        dynamic_axes=axes, dynamo=False,
    )  # fmt: skip
    quantize_dynamic(folder / "fp32.onnx", folder / "int8.onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads

    def encoder(name: str) -> Encode:
        session = ort.InferenceSession(folder / name, options, providers=["CPUExecutionProvider"])
        return lambda batch: session.run(None, {key: value.numpy() for key, value in batch.items()})[0]

    return {"onnx fp32": encoder("fp32.onnx"), "onnx int8": encoder("int8.onnx")}


def main(products: Path, model: Path, text: list[str], label: str, length: int, seeds: list[int], threads: int) -> None:
    torch.set_num_threads(threads)
    table = pd.read_csv(products, dtype="str", keep_default_na=False)
    labels = table[label]
    table = table[labels.map(labels.value_counts()) >= 5]
    texts, labels = table[text].agg(". ".join, axis=1).tolist(), table[label].to_numpy()
    tokenizer = AutoTokenizer.from_pretrained(model)
    order = np.argsort([len(one) for one in texts], kind="stable")  # batches of texts of one length
    rows = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    batches = [
        dict(tokenizer([texts[row] for row in some], truncation=True, max_length=length, padding=True,
                       return_tensors="pt", return_token_type_ids=False))
        for some in rows
    ]  # fmt: skip
    network = Pooled(AutoModel.from_pretrained(model, attn_implementation="eager")).eval()
    fused = Pooled(AutoModel.from_pretrained(model)).eval()
    int8 = torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8)
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "fp32": of_torch(fused),
            "bf16": of_torch(fused, torch.bfloat16),
            "compile": of_torch(torch.compile(fused, dynamic=True)),
            "torch int8": of_torch(int8),
            **of_onnx(network, batches[0], Path(folder), threads),
        }
        features, seconds = encode_in_turns(ways, batches, rows, len(texts))
    print(f"{len(texts)} texts, at most {length} tokens, {threads} threads, torch {torch.__version__}")
    for way, own in features.items():
        scores = [score(features["fp32"], own, labels, seed) for seed in seeds]
        right, changed = np.mean(scores, axis=0)
        gain = seconds["fp32"] / seconds[way]
        speed = len(texts) / seconds[way]
        print(f"{way:12} {speed:7.1f} rows/s {gain:5.2f}x  right {right:.2%}  changed {changed:.2%}")


def encode_in_turns(
    ways: dict[str, Encode], batches: list[dict], rows: list[np.ndarray], n: int
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return by way the (N, F) features, and the seconds that it took: the fastest turn of each batch."""
    for encode in ways.values():
        encode(batches[0]), encode(batches[-1])  # compiles
    features, seconds = {}, dict.fromkeys(ways, 0.0)
    for batch, some in zip(batches, rows, strict=True):
        fastest = dict.fromkeys(ways, np.inf)
        for _ in range(TURNS):
            for way, encode in ways.items():
                started = time.perf_counter()
                values = encode(batch)
                fastest[way] = min(fastest[way], time.perf_counter() - started)
                features.setdefault(way, np.empty((n, values.shape[1]), np.float32))[some] = values
        for way, took in fastest.items():
            seconds[way] += took
    return features, seconds


def score(reference: np.ndarray, features: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the share of right labels on held-out products, and the share that differ from those of `reference`."""
    held_out = np.random.default_rng(seed).permutation(len(labels)) % 5 == 0
    classifier = LogisticRegression(C=30, max_iter=1000).fit(reference[~held_out], labels[~held_out])
    preds, before = classifier.predict(features[held_out]), classifier.predict(reference[held_out])
    return (preds == labels[held_out]).mean(), (preds != before).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("products", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--text", nargs="+", default=["title"])
    parser.add_argument("--label", default="label")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    main(**vars(parser.parse_args()))
