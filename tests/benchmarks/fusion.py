"""Fusion: twelve policies of eight folds, one network after another against stacked; every rule's time and memory.

    python tests/benchmarks/fusion.py                     # some minutes; --limit 0 leaves the rules out

Probabilities are made up, in the challenge's size (8,500 validation products, 27 classes) and, for the rules, in that
of a large shop (50,000 products to decide on, a tenth of them to learn from, 2,890 classes). Sequential networks are
plain modules, each with an Adam of its own, on the very batches of the stacked ones. Both end with the same weights and
decisions but for rounding, which thousands of steps through ReLUs can enlarge: two of the policies show in double
precision that there is nothing else. A rule runs in a process of its own, and is stopped after `--limit` seconds. The
last line is one JSON object with the figures.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from latefusion.config import BoostingPolicy, LogisticPolicy, NetworkPolicy, RulePolicy
from latefusion.dataset.split import assign_folds
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.networks import StackedPolicy, fit_networks, group_into_stacks, network_sizes
from latefusion.fusion.training import decide, fit_alone
from latefusion.metrics.f1 import macro_f1
from latefusion.utils.seeds import derive_seed

EXPERTS = 5
SIZES = {"8500x27": (8_500, 8_500, 27), "50000x2890": (5_000, 50_000, 2_890)}  # to learn from, to decide on, classes
PAIR = {"experts": ("a", "b")}
RULES = {kind: RulePolicy(kind=kind, **PAIR) for kind in ("mean", "weighted_mean", "max", "product")} | {
    "one_layer": NetworkPolicy(**PAIR),
    "two_layers": NetworkPolicy(layers=2, **PAIR),
    "logistic": LogisticPolicy(kind="logistic", **PAIR),
    "boosting": BoostingPolicy(kind="boosting", **PAIR),
}


def draw_probs(rng: np.random.Generator, targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (N, C) float32: half of the products have their label's probability raised."""
    logits = rng.standard_normal((len(targets), num_classes), dtype=np.float32)
    logits[np.arange(len(targets)), targets] += 6 * (rng.random(len(targets)) < 0.5)
    return torch.from_numpy(logits).softmax(dim=-1).numpy()


def features_of(inputs: FusionInputs, fold: int) -> torch.Tensor:
    return torch.from_numpy(inputs.features(fold)).to(torch.get_default_dtype())


def twelve_policies(batch_size: int) -> dict[str, FusionInputs]:
    """Return six pairs of experts, each with one layer and with two."""
    rng = np.random.default_rng(0)
    n, _, num_classes = SIZES["8500x27"]
    targets = rng.integers(num_classes, size=n)
    tables = [draw_probs(rng, targets, num_classes) for _ in range(EXPERTS)]
    folds = assign_folds(targets, 8, 0)
    pairs = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3)]
    return {
        f"{first}{second}_{layers}": FusionInputs(
            NetworkPolicy(layers=layers, batch_size=batch_size, seed=first, **PAIR),
            (tables[first], tables[second]), targets, folds,
        )
        for layers in (1, 2) for first, second in pairs
    }  # fmt: skip


def train_stacked(policies: dict[str, FusionInputs]) -> dict[str, dict[str, torch.Tensor]]:
    weights = {}
    for names in group_into_stacks(policies):
        fitted = fit_networks([policies[name] for name in names])
        weights |= {name: one.weights for name, one in zip(names, fitted, strict=True)}
    return weights


def train_one_by_one(policies: dict[str, FusionInputs]) -> dict[str, dict[str, torch.Tensor]]:
    weights = {}
    for name, inputs in policies.items():
        modules = [train_module(inputs, fold) for fold in range(8)]
        weights[name] = {
            f"{kind}.{layer}": torch.stack(
                [linear.weight.T if kind == "weights" else linear.bias[None] for linear in linears]
            ).detach()
            for layer, linears in enumerate(zip(*(module[::2] for module in modules), strict=True))
            for kind in ("weights", "biases")
        }
    return weights


def train_module(inputs: FusionInputs, fold: int) -> nn.Sequential:
    """Train one network the plain way and return it as it was at its best epoch."""
    policy, sizes = inputs.policy, network_sizes(inputs)
    start = StackedPolicy(sizes, [derive_seed(policy.seed, "init", fold)])
    layers: list[nn.Module] = []
    for weight, bias in zip(start.weights, start.biases, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[2])
        linear.load_state_dict({"weight": weight[0].T, "bias": bias[0, 0]})
        layers += [linear, nn.ReLU()]
    module = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(module.parameters(), lr=policy.lr)
    features, targets = features_of(inputs, fold), torch.from_numpy(inputs.targets)
    rows, left_out = inputs.fit_rows(fold), np.flatnonzero(inputs.folds == fold)
    n_batches = -(-max(len(inputs.fit_rows(one)) for one in range(8)) // policy.batch_size)
    best: tuple[float, dict] = (-1.0, {})
    for epoch in range(policy.epochs):
        order = np.random.default_rng(derive_seed(policy.seed, "order", fold, epoch)).permutation(rows)
        for batch in np.array_split(order, n_batches):
            loss = nn.functional.cross_entropy(module(features[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            preds = module(features[left_out]).argmax(dim=1).numpy()
        score = macro_f1(inputs.targets[left_out], preds)
        if score > best[0]:
            best = score, {key: value.clone() for key, value in module.state_dict().items()}
    module.load_state_dict(best[1])
    return module


def compare_training(name: str, policies: dict[str, FusionInputs]) -> dict[str, float]:
    """Train the policies' networks both ways; return the ratio of the times, and how far the ends are apart."""
    seconds, weights = {}, {}
    for way, train in (("stacked", train_stacked), ("sequential", train_one_by_one)):
        started = time.perf_counter()
        weights[way] = train(policies)
        seconds[way] = time.perf_counter() - started
    apart = {1: 0.0, 2: 0.0}
    differing = 0
    for policy, inputs in policies.items():
        stacked, sequential = weights["stacked"][policy], weights["sequential"][policy]
        layers = inputs.policy.layers
        apart[layers] = max(apart[layers], *(float((stacked[key] - sequential[key]).abs().max()) for key in stacked))
        preds = [fold_preds(inputs, one) for one in (stacked, sequential)]
        differing += int((preds[0] != preds[1]).sum())
    ratio = seconds["sequential"] / seconds["stacked"]
    times = f"{seconds['sequential']:.1f} | {seconds['stacked']:.1f} | {ratio:.2f}"
    print(f"| {name} | {times} | {apart[1]:.1e} | {apart[2]:.1e} | {differing} |", flush=True)
    key = name.replace(" ", "_").replace(",", "")
    figures = {"speedup": ratio, "apart_1_layer": apart[1], "apart_2_layers": apart[2], "preds_differ": differing}
    return {f"{key}_{figure}": value for figure, value in figures.items()}


@torch.no_grad()
def fold_preds(inputs: FusionInputs, weights: dict[str, torch.Tensor]) -> np.ndarray:
    """Return (8, N) decisions of a policy's networks."""
    net = StackedPolicy(network_sizes(inputs), [0] * 8)
    net.load_state_dict(weights)
    return net(features_of(inputs, 0).expand(8, -1, -1)).argmax(dim=-1).numpy()


def run_rule(rule: str, size: str) -> None:
    """Learn a rule and decide by it; print seconds of both and the peak memory beyond the tables, in MB."""
    rng = np.random.default_rng(0)
    n_learn, n_decide, num_classes = SIZES[size]
    targets = rng.integers(num_classes, size=n_decide)
    tables = tuple(draw_probs(rng, targets, num_classes) for _ in PAIR["experts"])
    Path("/proc/self/clear_refs").write_text("5")  # the most it held starts anew: drawing the tables does not count
    before = memory_mb("VmRSS")
    folds = assign_folds(targets[:n_learn], 8, 0)
    inputs = FusionInputs(RULES[rule], tuple(table[:n_learn] for table in tables), targets[:n_learn], folds)
    started = time.perf_counter()
    fitted = fit_alone(inputs)
    learnt = time.perf_counter()
    decide(fitted, tables)
    done = time.perf_counter()
    memory = memory_mb("VmHWM") - before
    print(json.dumps({"learn_s": learnt - started, "decide_s": done - learnt, "mb": memory}))


def memory_mb(entry: str) -> float:
    """Return an entry of the process's status: VmRSS, what it holds now, or VmHWM, the most it held."""
    return int(Path("/proc/self/status").read_text().split(f"{entry}:")[1].split()[0]) / 1024


def measure_rule(rule: str, size: str, limit: float) -> dict[str, float] | None:
    command = [sys.executable, __file__, "--rule", rule, "--size", size]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        print(f"| {rule}, {size} | more than {limit:.0f} | - | - |", flush=True)
        return None
    found = json.loads(finished.stdout.splitlines()[-1])
    print(f"| {rule}, {size} | {found['learn_s']:.2f} | {found['decide_s']:.2f} | {found['mb']:.0f} |", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, default=120, help="seconds for each rule; 0: no rules")
    parser.add_argument("--rule", choices=RULES, help=argparse.SUPPRESS)
    parser.add_argument("--size", choices=SIZES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rule:
        run_rule(args.rule, args.size)
        return
    figures: dict[str, float | None] = {}
    print(f"12 policies of 8 networks, 40 epochs, {torch.get_num_threads()} threads")
    print("| | sequential, s | stacked, s | ratio | weights apart, 1 layer | 2 layers | decisions that differ |")
    print("|---|---|---|---|---|---|---|")
    figures |= compare_training("batch 128", twelve_policies(128))
    figures |= compare_training("full batch", twelve_policies(8_500))
    torch.set_default_dtype(torch.float64)
    some = {name: inputs for name, inputs in twelve_policies(128).items() if name.startswith("01")}
    figures |= compare_training("batch 128, double", some)
    if args.limit:
        print("\n| rule, products x classes | learn, s | decide, s | memory, MB |\n|---|---|---|---|")
        for size in SIZES:
            for rule in RULES:
                found = measure_rule(rule, size, args.limit) or {"learn_s": None, "decide_s": None, "mb": None}
                figures |= {f"{rule}_{size}_{key}": value for key, value in found.items()}
    print(json.dumps({name: value if value is None else float(f"{value:.4g}") for name, value in figures.items()}))


if __name__ == "__main__":
    main()
