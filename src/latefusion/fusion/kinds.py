"""The table of policy kinds: which function fits a policy of each kind.

To add a kind:

1. write its config class, a subclass of `PolicyConfig`, and add it to the union `Policy` (`latefusion.config.fusion`);
2. write a module with a function that fits it: it takes a `FusionInputs` and returns a `FittedPolicy`;
3. add a row to `POLICIES`; the key is the config class's `kind`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.networks import fit_networks, group_into_stacks, load_networks
from latefusion.fusion.on_demand import fit_on_demand, load_on_demand
from latefusion.fusion.raw_select import fit_raw_select, load_raw_select
from latefusion.fusion.rules import fit_rule, load_rule
from latefusion.fusion.select import fit_select, load_select
from latefusion.fusion.stacking import fit_stacking, load_stacking


class FittedPolicy(Protocol):
    """The interface of a fitted policy of any kind.

    It may also have `selected_probs` (N, C): out-of-fold probabilities that are as confident as those of `decide`, if
    `oof_probs` are not. The confidence of test products is then calibrated with these. And `test_tables`: tables with a
    row per test product that its `decide` takes after those of the experts (`raw_select`).

    A policy that chooses between experts or policies also has `oof_asked`, out of fold for which products, and the
    method `asked(tables)` for others (`asked.Asked`). If its dear experts need to run only there, it has
    `decide_rows` (`deciding.decide_rows`).
    """

    @property
    def inputs(self) -> FusionInputs:
        """The data it was fitted on."""

    @property
    def oof_probs(self) -> np.ndarray:
        """Out-of-fold probabilities (N_valid, C): those of each fold come from what was learnt on the other folds."""

    @property
    def facts(self) -> dict:
        """Further entries of metrics.json."""

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions (see `metrics.decisions`) and (N, C) probabilities for N products.

        `tables`: the (N, C) probabilities of each expert, in the order of the policy's config.
        """

    def save(self, run_dir: Path) -> None:
        """Write what was learnt to the policy's run folder, if it is not in `facts`."""


@dataclass(frozen=True)
class PolicyKind:
    """The functions of one kind of policy.

    - `fit(group)`: fit the policies of one group together; return them in the same order.
    - `load(inputs, run_dir, facts)`: return the policy that `save` wrote to `run_dir`, to decide on other products;
      `inputs` are those of `restored_inputs`, `facts` is its metrics.json.
    - `groups(policies)`: return the names of the policies in groups that are fitted together; by default each policy is
      a group of its own.
    """

    fit: Callable[[list[Any]], Sequence[FittedPolicy]]  # Any: FusionInputs of this kind of policy
    load: Callable[[Any, Path, dict], FittedPolicy]
    groups: Callable[[dict[str, Any]], list[list[str]]] = lambda policies: [[name] for name in policies]


def each(fit: Callable[[Any], FittedPolicy]) -> Callable[[list[Any]], Sequence[FittedPolicy]]:
    """Return a function that fits the policies of a group one by one."""
    return lambda group: [fit(policy_inputs) for policy_inputs in group]


def fit_all(inputs: Sequence[FusionInputs]) -> Sequence[FittedPolicy]:
    """Fit policies of one kind."""
    return POLICIES[inputs[0].policy.kind].fit(list(inputs))


SELECT = {  # by what the network reads
    "top_k": PolicyKind(each(fit_select), load_select),
    "probs": PolicyKind(each(fit_select), load_select),
    "raw": PolicyKind(each(fit_raw_select), load_raw_select),
}

POLICIES = {
    "network": PolicyKind(fit_networks, load_networks, groups=group_into_stacks),
    "mean": PolicyKind(each(fit_rule), load_rule),
    "weighted_mean": PolicyKind(each(fit_rule), load_rule),
    "max": PolicyKind(each(fit_rule), load_rule),
    "product": PolicyKind(each(fit_rule), load_rule),
    "weighted_product": PolicyKind(each(fit_rule), load_rule),
    "ridge": PolicyKind(each(fit_stacking), load_stacking),
    "logistic": PolicyKind(each(fit_stacking), load_stacking),
    "boosting": PolicyKind(each(fit_stacking), load_stacking),
    "select": PolicyKind(
        each(lambda inputs: SELECT[inputs.policy.inputs].fit([inputs])[0]),
        lambda inputs, run_dir, facts: SELECT[inputs.policy.inputs].load(inputs, run_dir, facts),
    ),
    "on_demand": PolicyKind(each(partial(fit_on_demand, fit_all=fit_all)), load_on_demand),
}
