"""Join the folds of an expert in a cross-fitted experiment.

Each labelled product gets the probabilities of the network that was trained without its fold; a test product, which no
network was trained on, gets the mean over all folds.
"""

import numpy as np

from latefusion.experts.context import Context
from latefusion.plan.records import verified
from latefusion.tables.artifacts import read_json_object
from latefusion.tables.probabilities import read_split_probs


def join_folds(context: Context, name: str) -> None:
    """Write the run folder of an expert, `oof_probs.parquet` and `test_probs.parquet`, from those of its folds."""
    if not context.accelerator.is_main_process:
        return
    dataset, folds = context.dataset, context.experiment.folds
    held_out = dataset.fusion_products["fold"].to_numpy()
    n_test = len(dataset.evaluation_splits["test"])
    oof_probs = np.empty((len(held_out), len(dataset.classes)), dtype=np.float32)
    summed, facts = np.zeros((n_test, len(dataset.classes))), []
    for number, fold in enumerate(folds):
        run_dir, view = fold.expert_dir(name), dataset.of_fold(number)
        oof_probs[held_out == number] = read_split_probs(run_dir, "valid", view)
        summed += read_split_probs(run_dir, "test", view)
        facts.append(read_json_object(verified(run_dir, "metrics.json")))
    probs = {"oof": oof_probs, "test": summed / len(folds)}
    context.write_outputs(context.experiment.expert_dir(name), probs, {"folds": facts})
