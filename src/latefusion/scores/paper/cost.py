"""Score against the share of products for which the image expert runs, of the policies of kind on_demand."""

import pandas as pd

from latefusion.config import OnDemandPolicy
from latefusion.fusion.asked import read_asked
from latefusion.scores.cost import cost_curve
from latefusion.scores.results import Results


def cost_table(results: Results) -> pd.DataFrame:
    """Return the cost curves of the policies of kind on_demand that are done, on `final_split`.

    Columns: policy, first, then, and those of `scores.cost.cost_curve`.
    """
    experiment, split = results.experiment, results.final_split
    done = {method.name: method for method in results.methods}
    curves = []
    for name, policy in experiment.policies.items():
        if not isinstance(policy, OnDemandPolicy) or name not in done:
            continue
        first, then = (results.preds(done[part], split) for part in (policy.first, policy.then))
        curve = cost_curve(
            results.targets[split],
            first,
            then,
            read_asked(experiment.policy_dir(name), split, results.dataset).ask,
            metric=experiment.chosen_by,
            num_classes=len(results.dataset.classes),
        )
        curves.append(curve.assign(policy=name, first=policy.first, then=policy.then))
    columns = ["policy", "first", "then", "share", "asked", "score", "difference", "low", "high"]
    return pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)
