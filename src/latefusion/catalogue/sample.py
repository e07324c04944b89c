"""Read the known facts about the synthetic sample catalogue, from files beside its tables.

They are used for scores and reports only, never by an expert or a policy.
"""

import pandas as pd

from latefusion.config import Experiment
from latefusion.utils.errors import StepError
from latefusion.utils.files import read_json

FACTS = {False: ("look_groups", "vagueness"), True: ("vagueness", "shares")}  # by whether products have several labels


def read_sample_facts(experiment: Experiment) -> dict:
    """Return the facts in a sample's `sample.json`; only for an experiment with a `sample` section.

    One label per product: `look_groups`, lists of class codes with similar images; `vagueness`, fractions of the
    products that are vague in `none`, in their `text`, in their `image`, or in `both`. Several labels: `vagueness`,
    fractions of the products that are vague in their `title`, `description` and `image`, independently; `shares`,
    fractions of the products with a label of the kinds `colour`, `pattern`, `feature` and `theme`. Raises StepError if
    the file cannot be read.
    """
    path = experiment.catalogue.root / "sample.json"
    try:
        facts = read_json(path)["facts"]
        return {name: facts[name] for name in FACTS[experiment.several]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"{path}: the facts about the sample cannot be read ({error!r}): draw the sample again with {{step}}",
            "sample",
        ) from error


def read_label_noise(experiment: Experiment) -> pd.DataFrame | None:
    """Return the sample's products with wrong labels (index: id; `given`, `true`); None without a `sample` section.

    Raises StepError if the sample's list of them is missing or damaged.
    """
    if experiment.sample is None:
        return None
    path = experiment.catalogue.root / "hidden" / "label_noise.csv"
    try:
        noise = pd.read_csv(path, dtype="str")
        return noise.set_index(noise.columns[0]).rename_axis("id")[["given", "true"]]
    except (OSError, ValueError, KeyError) as error:
        raise StepError(
            f"{path}: the sample's list of wrong labels cannot be read ({error}): draw the sample again with {{step}}",
            "sample",
        ) from error
