"""What the synthetic sample catalogue tells of itself, in files beside its tables: for its scores alone.

Nothing here is read by an expert or a policy.
"""

import pandas as pd

from latefusion.config import Experiment
from latefusion.utils.errors import StepError
from latefusion.utils.files import read_json


def read_sample_facts(experiment: Experiment) -> dict:
    """Return the facts that `sample.json` holds about a sample; call it for an experiment that has one.

    `look_groups`: lists of the codes whose images look alike; `vagueness`: share of the products that are vague in
    `none`, in their `text`, their `image`, or `both`. Raises StepError where they cannot be read.
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
    """Return the products whose given label is wrong as is known, on the sample alone (index: id; `given`, `true`).

    Raises InputError where the sample's list of them is missing or damaged.
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
