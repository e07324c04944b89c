"""Tables 1 and 3 of Wirojwatanakul and Wangperawong: single experts, and fusion of two and of three inputs."""

import pandas as pd

from latefusion.config import JointExpert
from latefusion.scores.results import Results
from latefusion.scores.tables import paired_gain

GROUPS = {1: "single expert", 2: "two inputs", 3: "three inputs"}
ORDER = ("title", "description", "image")


def inputs_of(results: Results, expert_name: str) -> frozenset[str]:
    """Return what an expert reads: `title`, `description` and `image`."""
    expert = results.experiment.network_of(expert_name)
    if isinstance(expert, JointExpert):
        return inputs_of(results, expert.text) | inputs_of(results, expert.image)
    if expert.modality == "image":
        return frozenset({"image"})
    reads = getattr(expert, "reads", "both")
    return frozenset({"title", "description"}) if reads == "both" else frozenset({reads})


def input_table(results: Results, scores: pd.DataFrame) -> pd.DataFrame:
    """Return experts and policies with what they read and their score, from the table of scores.

    Columns: group (a single expert, or fusion of two or three inputs), inputs, method, kind (of a policy), value, low,
    high, on `final_split`, by the metric that methods are chosen by; and learnt, the score on `fusion_split`.
    """
    experiment = results.experiment
    own = scores[scores["metric"] == experiment.chosen_by].set_index(["method", "split"])
    rows = []
    for method in results.methods:
        if method.name not in experiment.policies and method.kind not in ("text", "image"):
            continue  # votes, and joint experts
        group, inputs, kind = _describe(results, method.name)
        found = own.loc[(method.name, results.final_split)]
        values = {name: float(found[name]) for name in ("value", "low", "high")}
        learnt = float(own.loc[(method.name, results.dataset.fusion_split), "value"])
        rows.append({"group": group, "inputs": inputs, "method": method.name, "kind": kind, **values, "learnt": learnt})
    columns = ["group", "inputs", "method", "kind", "value", "low", "high", "learnt"]
    order = list(GROUPS.values())
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(
        "group", key=lambda groups: groups.map(lambda group: order.index(group) if group in order else 0.5),
        kind="stable", ignore_index=True,
    )  # fmt: skip


def _describe(results: Results, name: str) -> tuple[str, str, str]:
    """Return the group, the inputs and the kind of an expert or a policy."""
    experiment = results.experiment
    policy = experiment.policies.get(name)
    names = (name,) if policy is None else policy.experts
    read: frozenset[str] = frozenset().union(*(inputs_of(results, expert) for expert in names))
    inputs = " + ".join(part for part in ORDER if part in read)
    if policy is None:
        return GROUPS[1], inputs, experiment.experts[name].kind
    return GROUPS[len(read)] if len(read) > 1 else "one input", inputs, policy.kind


def input_gains(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Return the gains of the best of each group over the best of each smaller one, paired, on `final_split`.

    The best are chosen on `fusion_split`. Columns: method, group, against, against_group, gain, low, high.
    """
    best = table.loc[table.groupby("group", sort=False)["learnt"].idxmax()].set_index("group")["method"]
    present, rows = [group for group in GROUPS.values() if group in best.index], []
    for number, group in enumerate(present):
        for other in present[:number]:
            gains = paired_gain(results, best[group], best[other], results.experiment.chosen_by)
            rows.append((best[group], group, best[other], other, *gains))
    return pd.DataFrame(rows, columns=["method", "group", "against", "against_group", "gain", "low", "high"])
