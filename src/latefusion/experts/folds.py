"""Join the folds of an expert in a cross-fitted experiment.

Each labelled product gets the probabilities of the model that was trained without its fold. A test product, which no
model was trained on, gets the mean over all folds, or the probabilities of one more model that was trained on all
labelled products (`ExpertConfig.refits`). In nested cross-fitting, policies learn what they decide with on fold k from
a table of its own, `without_<k>_probs.parquet`: it has the probabilities of each product of the other folds by the
model that was trained without both folds, the product's and k.
"""

import numpy as np
import pandas as pd

from latefusion.experts.context import Context
from latefusion.plan.records import verified
from latefusion.tables.artifacts import read_json_object
from latefusion.tables.probabilities import nested_table, read_split_probs, write_probs


def join_folds(context: Context, name: str) -> None:
    """Write the run folder of an expert, `oof_probs.parquet` and `test_probs.parquet`, from those of its folds."""
    if not context.accelerator.is_main_process:
        return
    dataset, folds = context.dataset, context.experiment.folds
    of_test = context.experiment.views_of_test(name)
    probs = {
        "oof": _join(context, name, {fold: (fold,) for fold in range(len(folds))}),
        "test": np.mean([read_split_probs(view.expert_dir(name), "test", dataset) for view in of_test], axis=0),
    }
    facts = [read_json_object(verified(fold.expert_dir(name), "metrics.json")) for fold in folds]
    run_dir = context.experiment.expert_dir(name)
    context.write_tables(run_dir, probs, {"folds": facts})
    for fold in range(len(folds)) if dataset.split.nested else ():
        others = {other: tuple(sorted((fold, other))) for other in range(len(folds)) if other != fold}
        rows = dataset.fusion_products["fold"] != fold
        table = _join(context, name, others)[rows.to_numpy(bool)]
        ids = rows.index[rows]
        write_probs(run_dir / nested_table(fold), ids, table, dataset.classes, several=dataset.several)


def _join(context: Context, name: str, views: dict[int, tuple[int, ...]]) -> np.ndarray:
    """Return (N, C): the probabilities of each labelled product from the view for its fold; NaN without a view."""
    dataset = context.dataset
    products = dataset.fusion_products
    joined = pd.DataFrame(np.nan, products.index, dataset.classes, dtype=np.float32)
    for fold, held_out in views.items():
        view = context.of_fold(*held_out)
        ids = view.dataset.fusion_products.index
        probs = pd.DataFrame(
            read_split_probs(view.experiment.expert_dir(name), "valid", view.dataset), ids, dataset.classes
        )
        own = products.index[products["fold"] == fold]
        joined.loc[own] = probs.loc[own]
    return joined.to_numpy()
