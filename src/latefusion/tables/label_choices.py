"""A person's choices about labels, as the catalogue's job has kept them (`catalogue.label_choices`)."""

import pandas as pd

from latefusion.config import Experiment
from latefusion.plan.records import verified
from latefusion.tables.artifacts import read_parquet

NAME = "label_choices.parquet"


def read_label_choices(experiment: Experiment) -> pd.DataFrame:
    """Return the choices (index: id; columns action, label), which are applied already; no rows if there are none."""
    folder = experiment.run_root / "catalogue"
    if not (folder / NAME).is_file():
        return pd.DataFrame({"action": [], "label": []}, index=pd.Index([], name="id", dtype="str"), dtype="str")
    return read_parquet(verified(folder, NAME), ("action", "label"))


def kept_labels(experiment: Experiment) -> pd.Index:
    """Return the ids of the products whose label is right, as a person has said: denoising must not remove them."""
    choices = read_label_choices(experiment)
    return choices.index[choices["action"].isin(["keep", "change"])]
