"""Read the known facts about the synthetic sample catalogue, from files beside its tables.

They are used for scores and reports only, never by an expert or a policy.
"""

import pandas as pd

from latefusion.config import Experiment
from latefusion.utils.errors import StepError
from latefusion.utils.files import read_json


def read_sample_facts(experiment: Experiment) -> dict:
    """Return the facts in a sample's `sample.json`; only for an experiment with a `sample` section.

    `look_groups`: lists of class codes with similar images; `vagueness`: fractions of the products that are vague in
    `none`, in their `text`, in their `image`, or in `both`. Raises StepError if the file cannot be read.
    """
    path = experiment.catalogue.root / "sample.json"
    try:
        facts = read_json(path)["facts"]
        return {"look_groups": facts["look_groups"], "vagueness": facts["vagueness"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"{path}: the facts about the sample cannot be read ({error!r}): draw the sample again with {{step}}",
            "sample",
        ) from error


def read_label_noise(experiment: Experiment) -> pd.DataFrame | None:
    """Return the sample's products with a wrong label (index: id; `given`, `true`); None without a `sample` section.

    Raises StepError if the sample's list of them is missing or damaged.
    """
    if experiment.sample is None:
        return None
    path = experiment.catalogue.root / "hidden" / "label_noise.csv"
    try:
        noise = pd.read_csv(path, dtype="str")
        return noise.set_index("Integer_id").rename_axis("id")
    except (OSError, ValueError, KeyError) as error:
        raise StepError(
            f"{path}: the sample's list of wrong labels cannot be read ({error}): draw the sample again with {{step}}",
            "sample",
        ) from error
