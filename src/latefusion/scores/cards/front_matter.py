"""The front matter of a card: YAML that the Hugging Face Hub reads, with tags, scores and the weights it is made of.

`huggingface_hub` writes it. The licence is `unknown`: under which one a model is handed on is for its owner to say.
"""

from collections.abc import Sequence

import pandas as pd
from huggingface_hub import EvalResult, ModelCardData

from latefusion.metrics.f1 import METRIC_NAMES
from latefusion.plan.licences import PretrainedWeights
from latefusion.scores.results import Method, Results

TASKS = {"text": "text-classification", "image": "image-classification"}  # the hub has none for both together
BOTH = "other"
AVERAGES = {"macro_f1": "macro", "micro_f1": "micro", "weighted_f1": "weighted"}


def front_matter(
    results: Results, method: Method | None, reads: set[str], weights: Sequence[PretrainedWeights], scores: pd.DataFrame
) -> str:
    """Return the front matter with its lines of `---`.

    `reads`: text, image, or both; `scores`: the table of `score_table`; `method`: None if nothing is submitted yet.
    """
    task = TASKS[next(iter(reads))] if len(reads) == 1 else BOTH
    found = [] if method is None else _eval_results(results, method, task, scores)
    data = ModelCardData(
        license="unknown",
        library_name="latefusion",
        pipeline_tag=None if task == BOTH else task,
        tags=["late-fusion", "product-classification", *sorted(reads), *["multi-label"] * results.dataset.several],
        base_model=list(dict.fromkeys(one.hub_id for one in weights if one.hub_id is not None)) or None,
        metrics=["f1", "accuracy"],
        model_name=results.experiment.name if found else None,
        eval_results=found or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def _eval_results(results: Results, method: Method, task: str, scores: pd.DataFrame) -> list[EvalResult]:
    """Return the method's scores on `final_split`, as shares from 0 to 1."""
    own = scores[(scores["method"] == method.name) & (scores["split"] == results.final_split)]
    return [
        EvalResult(
            task_type=task,
            task_name="Product classification",
            dataset_type="own",
            dataset_name=results.experiment.name,
            dataset_split=row.split,
            metric_type="f1" if row.metric in AVERAGES else row.metric,
            metric_name=METRIC_NAMES[row.metric],
            metric_value=round(float(row.value), 4),
            metric_args={"average": AVERAGES[row.metric]} if row.metric in AVERAGES else None,
        )
        for row in own.itertuples()
    ]
