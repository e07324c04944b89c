"""The HTTP service under load: many clients at one time, good and bad requests mixed, every answer checked.

    python tests/benchmarks/service.py MODEL PRODUCTS IMAGES [--seconds 60] [--clients 200]

MODEL is the folder of an exported model, PRODUCTS a table of new products (as for 13_predict_new.py), IMAGES the folder
of their images. Each product is predicted by `Predictor.predict` first, all in one table. Then a server process on
this machine answers for some seconds, then another one, for a quarter of the time, that predicts one request at a time
(`--batch-size 1`). A good answer must have the label of the batch prediction, the labels of all experts, and its
confidence up to --tolerance; a bad request must get its own status. Experts that compute in bfloat16 round by the size
of the batch: export a model with `hardware.mixed_precision: no`, or allow more.

The last line is one JSON object with the figures. Exit status 1 if an answer was wrong.
"""

import argparse
import asyncio
import base64
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.service import ServerProcess

from latefusion.catalogue import read_new_products
from latefusion.config import load_new_table
from latefusion.predictor import Predictor

BAD_SHARE = 0.2  # of the requests
TIMEOUT = 600  # seconds; more than the server's own


@dataclass
class Tally:
    """What the clients have seen."""

    seconds: list[float] = field(default_factory=list)  # of the good answers
    statuses: Counter[int] = field(default_factory=Counter)
    products: int = 0
    wrong: list[str] = field(default_factory=list)
    largest_difference: float = 0.0


def read_products(predictor: Predictor, table: Path, images: Path, n: int) -> tuple[list[dict], pd.DataFrame]:
    """Return up to n products as requests hold them, and their batch prediction; every tenth image is cut in half."""
    rows = read_new_products(load_new_table(table, predictor.experiment.catalogue.columns, ())).reset_index()
    rows = rows.sample(min(n, len(rows)), random_state=0).reset_index(drop=True)
    products, paths = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, row in enumerate(rows.itertuples()):
            product = {"id": str(row.id), "title": row.title}
            if isinstance(row.description, str) and number % 7:
                product["description"] = row.description
            content = b""
            if isinstance(row.image, str) and number % 5 and (images / row.image).is_file():
                content = (images / row.image).read_bytes()
                content = content[: len(content) // 2] if number % 10 == 9 else content
                product["image"] = base64.b64encode(content).decode()
                Path(folder, str(number)).write_bytes(content)
            products.append(product)
            paths.append(str(number) if content else None)
        expected = predictor.predict(pd.DataFrame(products).assign(image=paths), folder)
    return products, expected


def bad_requests() -> list[tuple[bytes, int]]:
    """Return bodies with the status that each must get."""
    image = base64.b64encode(b"\xff\xd8 not a JPEG").decode()
    return [
        (b"{", 400),
        (b'{"products": []}', 422),
        (b'{"products": [{"titel": "lamp"}]}', 422),
        (json.dumps({"products": [{"image": "?"}]}).encode(), 422),
        (json.dumps({"products": [{}] * 33}).encode(), 422),
        (b'{"products": [{"title": "' + b"x" * 17_000_000 + b'"}]}', 413),
        (json.dumps({"products": [{"title": "lamp", "image": image}]}).encode(), 200),  # a bad image alone is no error
    ]


def check(answer: dict, row: pd.Series, predictor: Predictor, tolerance: float, tally: Tally) -> None:
    """Compare an answer with its row of the batch prediction."""
    difference = abs(answer["confidence"] - row["confidence"])
    tally.largest_difference = max(tally.largest_difference, difference)
    said = {name: row[f"{name}_label"] or None for name in predictor.experts}
    same = answer["label"] == row["label"] and answer["experts"] == said and answer["agree"] == row["agree"]
    warned = all(answer[what] == (row[what] or None) for what in ("problem", "unusual"))
    if not same or difference > tolerance or not warned:
        tally.wrong.append(f"{answer} is not {row.to_dict()}")


async def run_client(number: int, url: str, load: "Load", end: float, tally: Tally) -> None:
    """Send one request after the other until the time is over."""
    rng = random.Random(number)
    headers = {"Content-Type": "application/json"}
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT, headers=headers) as client:
        while time.monotonic() < end:
            if rng.random() < BAD_SHARE:
                # Bodies of 17 MB are rare: 200 clients on one machine would measure nothing else.
                body, status = rng.choice(load.bad if rng.random() < 0.02 else load.small)
                response = await client.post("/v1/predict", content=body)
                tally.statuses[response.status_code] += 1
                if response.status_code != status:
                    tally.wrong.append(f"{body[:60]!r}: status {response.status_code}, not {status}")
                continue
            chosen = rng.sample(load.products, rng.randint(1, load.most_products))
            body = json.dumps({"products": chosen}).encode()
            started = time.perf_counter()
            response = await client.post("/v1/predict", content=body)
            tally.seconds.append(time.perf_counter() - started)
            tally.statuses[response.status_code] += 1
            if response.status_code != 200:
                tally.wrong.append(f"status {response.status_code}: {response.text[:200]}")
                continue
            answers = response.json()["predictions"]
            tally.products += len(answers)
            if [one["id"] for one in answers] != [one["id"] for one in chosen]:
                tally.wrong.append("the products of another request")
            for answer in answers:
                check(answer, load.expected.loc[answer["id"]], load.predictor, load.tolerance, tally)


@dataclass
class Load:
    """What is asked, and what must be answered."""

    predictor: Predictor
    products: list[dict]
    expected: pd.DataFrame
    tolerance: float
    most_products: int  # in one good request

    def __post_init__(self) -> None:
        self.bad = bad_requests()
        self.small = [(body, status) for body, status in self.bad if len(body) < 100_000]


async def run_clients(url: str, load: Load, clients: int, seconds: float, server: ServerProcess) -> tuple[Tally, list]:
    """Return what all clients have seen, and the memory of the server each second, in MiB."""
    tally, memory = Tally(), []
    end = time.monotonic() + seconds
    running = [asyncio.create_task(run_client(number, url, load, end, tally)) for number in range(clients)]
    while time.monotonic() < end:
        memory.append(server.memory())
        await asyncio.sleep(1)
    await asyncio.gather(*running)
    return tally, memory


def measure(name: str, load: Load, args: argparse.Namespace, seconds: float, *options: str) -> dict:
    """Return the figures of one server under load, and print them."""
    with tempfile.TemporaryDirectory() as folder:
        waiting = ("--max-waiting", str(args.clients + 8), "--max-seconds", str(TIMEOUT - 20))
        with ServerProcess(args.model, Path(folder, "log"), *waiting, *options) as server:
            server.wait_until_ready()
            at_start, cpu_before = server.memory(), server.cpu_seconds()
            started = time.perf_counter()
            tally, memory = asyncio.run(run_clients(server.url, load, args.clients, seconds, server))
            took = time.perf_counter() - started
            at_end, cpu = server.memory(), server.cpu_seconds()
            status = server.stop()
            log = server.log.read_text()
    n_requests = tally.statuses.total()
    figures = {
        "clients": args.clients,
        "seconds": round(took, 1),
        "requests": n_requests,
        "requests_per_s": round(n_requests / took, 1),
        "products_per_s": round(tally.products / took, 1),
        "cpu_s_per_product": round((cpu - cpu_before) / max(1, tally.products), 3),
        "p50_s": round(float(np.quantile(tally.seconds, 0.5)), 2),
        "p99_s": round(float(np.quantile(tally.seconds, 0.99)), 2),
        "statuses": dict(sorted(tally.statuses.items())),
        "wrong": len(tally.wrong),
        "largest_difference": float(f"{tally.largest_difference:.1e}"),
        "memory_mib": {
            "ready": round(at_start),
            "quarter": round(memory[len(memory) // 4]),
            "middle": round(memory[len(memory) // 2]),
            "end": round(at_end),
            "most": round(max(memory)),
        },
        "exit_status": status,
        "tracebacks": log.count("Traceback"),
    }
    print(f"{name}: {json.dumps(figures)}", flush=True)
    print(f"  {log.splitlines()[-1]}")
    for line in tally.wrong[:5]:
        print(f"  wrong: {line}")
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("products", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--sample", type=int, default=200, help="products that requests are made of (default: 200)")
    parser.add_argument("--most-products", type=int, default=4, help="in a good request (default: 4)")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of confidences (default: 1e-4)")
    args = parser.parse_args()
    predictor = Predictor.load(args.model)
    read = read_products(predictor, args.products, args.images, args.sample)
    load = Load(predictor, *read, args.tolerance, args.most_products)
    figures = {
        "micro_batches": measure("micro-batches", load, args, args.seconds),
        "one_at_a_time": measure("one request at a time", load, args, args.seconds / 4, "--batch-size", "1"),
    }
    print(json.dumps(figures))
    return int(any(one["wrong"] or one["tracebacks"] or one["exit_status"] for one in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
