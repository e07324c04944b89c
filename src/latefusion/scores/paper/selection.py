"""Table 1 of Zahavy et al.: policies that choose between a text and an image expert, rules and feature-level fusion."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from latefusion.config import JointExpert
from latefusion.fusion.asked import read_asked
from latefusion.metrics.decisions import is_right
from latefusion.scores.results import Results
from latefusion.scores.tables import paired_gain

COLUMNS = (
    "policy", "kind", "input", "layers", "q", "text", "image", "score", "gain", "low", "high", "oracle", "oracle_gain",
    "policy_accuracy", "image_share",
)  # fmt: skip
LISTED = ("select", "on_demand", "product", "mean", "max")  # policies that choose, and the rules of Zahavy et al.


def pair_of(results: Results) -> tuple[str, str] | None:
    """Return the text and the image expert that most policies of kind select choose between.

    Of several such pairs, and without such policies, that of most policies of any kind; None if there is no pair.
    """
    done = {method.name: method.kind for method in results.experts}
    pairs: list[tuple[str, str]] = []
    selected: list[tuple[str, str]] = []
    for policy in results.experiment.policies.values():
        names = sorted(policy.experts, key=lambda name: done.get(name) != "text")
        if [done.get(name) for name in names] == ["text", "image"]:
            pairs.append((names[0], names[1]))
            selected += pairs[-1:] * (policy.kind == "select")
    return max(pairs, key=lambda pair: (selected.count(pair), pairs.count(pair)), default=None)


def selection_table(results: Results) -> pd.DataFrame:
    """Return a row for each policy on the pair that chooses or is a rule, and each joint expert, on `final_split`.

    All scores are accuracies (of several labels, the first is one of the product's); `text`, `image` and `oracle` are
    those of the two experts and of the best choice between them. `gain`, with its 95 % interval, and `oracle_gain` are
    over the text expert. Of policies that choose: `policy_accuracy`, the share of products for which they choose the
    image expert if and only if it alone is right; `image_share`, how often they choose it. Empty without a pair.
    """
    pair = pair_of(results)
    if pair is None:
        return pd.DataFrame(columns=list(COLUMNS))
    experiment, split = results.experiment, results.final_split
    known = results.known(split)
    right = {name: _right(results, name)[known] for name in pair}
    text, image = (right[name] for name in pair)
    experts = {"text": text.mean(), "image": image.mean(), "oracle": (text | image).mean()}
    rows = []
    for method in results.methods:
        policy = experiment.policies.get(method.name)
        expert = experiment.experts.get(method.name)
        joins = isinstance(expert, JointExpert) and (expert.text, expert.image) == pair
        if not joins and (policy is None or policy.kind not in LISTED or set(policy.experts) != set(pair)):
            continue
        gain, low, high = paired_gain(results, method.name, pair[0], "accuracy")
        row = {"policy": method.name, "score": _right(results, method.name)[known].mean(), **experts, "gain": gain}
        row |= {"low": low, "high": high, "oracle_gain": experts["oracle"] - experts["text"]}
        row |= _describe_joint(expert) if joins else _describe_policy(results, policy)
        choice = None if joins else _choices(results, method.name, pair)
        if choice is not None:
            row |= {"policy_accuracy": (choice[known] == (image & ~text)).mean(), "image_share": choice[known].mean()}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("kind", key=lambda kinds: kinds.map(_rank), kind="stable", ignore_index=True)


def _rank(kind: str) -> int:
    return LISTED.index(kind) if kind in LISTED else len(LISTED)


def _right(results: Results, name: str) -> np.ndarray:
    split = results.final_split
    return is_right(results.targets[split], results.preds(results.method(name), split))


def _describe_policy(results: Results, policy) -> dict:
    """Return what the table says about a policy: its kind, and what it reads."""
    inputs = getattr(policy, "inputs", None)
    name = {None: "", "probs": "CP-all", "log_probs": "CP-all, log"}.get(inputs, inputs)
    if inputs == "top_k":
        name = f"CP-{policy.top_k}"
    if policy.own_network is not None:
        modality = results.experiment.modality(policy.own_network)
        name = {"text": "Text", "image": "Image", "joint": "Both"}[modality]
    of_networks = {"layers": getattr(policy, "layers", None), "q": getattr(policy, "positive_weight", None)}
    return {"kind": policy.kind, "input": name} | of_networks


def _describe_joint(expert) -> dict:
    kind = {"frozen": "joint, multi-step", "end_to_end": "joint, end-to-end"}[expert.features]
    return {"kind": kind, "input": expert.fusion, "q": expert.train.positive_weight}


def _choices(results: Results, name: str, pair: tuple[str, str]) -> np.ndarray | None:
    """Return (N,) bools, whether a policy chooses the image expert; None for policies that do not choose."""
    policy, split = results.experiment.policies[name], results.final_split
    if policy.kind == "max":
        text, image = (results.probs(results.method(expert), split).max(axis=1) for expert in pair)
        return image > text
    if policy.kind != "select":
        return None
    chosen = read_asked(results.experiment.policy_dir(name), split, results.dataset).asked
    return chosen if policy.experts == pair else ~chosen


def shares(pairs: pd.DataFrame, pair: tuple[str, str], split: str) -> Mapping[str, float]:
    """Return the shares of products on which both, one or neither of a pair is right, from the table of pairs."""
    row = pairs[(pairs["text"] == pair[0]) & (pairs["image"] == pair[1]) & (pairs["split"] == split)].iloc[0]
    return {name: float(row[name]) for name in ("both", "only_text", "only_image", "neither")}
