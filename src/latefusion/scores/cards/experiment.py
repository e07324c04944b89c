"""The card of an experiment, `submissions/<experiment>/README.md`: one page for whoever gets its results.

`scores.md` has all methods and tables, `report.html` the products; the card says what the submitted method is made of,
how good it is, what it was not tried on, and how to make it again.
"""

import re

import pandas as pd
import yaml

from latefusion.config import Experiment
from latefusion.metrics.f1 import METRIC_NAMES
from latefusion.scores.cards.data import data_section
from latefusion.scores.cards.experts import experts_section, modalities, policies_section, pretrained_weights
from latefusion.scores.cards.front_matter import front_matter
from latefusion.scores.cards.limits import limits_section
from latefusion.scores.cards.markdown import table
from latefusion.scores.environment import run_section
from latefusion.scores.headline import headline
from latefusion.scores.notes import sample_note
from latefusion.scores.report import automation_sentence
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted

Tables = dict[str, pd.DataFrame]  # the score tables by name, see `scores.write`


def experiment_card(results: Results, submitted: Submitted | None, tables: Tables) -> str:
    """Return the card as Markdown."""
    experiment, method = results.experiment, None if submitted is None else submitted.method
    policies = [name for name in experiment.policies if f"policies/{name}" in results.done]
    if method is not None:
        policies = list(results.policies_of(method))
    experts = experts_of(experiment, policies, None if method is None else method.name)
    weights = pretrained_weights(experiment, experts)
    sections = [
        front_matter(results, method, modalities(experiment, experts), weights, tables["scores"]),
        f"# {experiment.name}",
        headline(submitted, tables["scores"], tables["choice"]),
        sample_note(experiment),
        data_section(results),
        experts_section(experiment, experts, weights),
        policies_section(results, policies),
        "" if submitted is None else score_section(submitted, tables),
        limits_section(results, submitted),
        run_section(results),
        _again(experiment),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def experts_of(experiment: Experiment, policies: list[str], method: str | None) -> list[str]:
    """Return the experts of policies; the method itself if it is an expert; all experts if there is neither."""
    if method in experiment.experts:
        return [method]
    read = [name for policy in policies for name in experiment.policies[policy].experts]
    return list(dict.fromkeys(read)) or list(experiment.experts)


def score_section(submitted: Submitted, tables: Tables) -> str:
    """Return the scores of the submitted method with their intervals, its calibration, and its coverage at 98 %."""
    results = submitted.results
    return "\n\n".join(
        ["## Scores", score_table(submitted, tables["scores"]), _calibration(submitted, tables["calibration"]),
         automation_sentence(tables["automation"], results.dataset.fusion_split, results.final_split)]
    )  # fmt: skip


def score_table(submitted: Submitted, scores: pd.DataFrame) -> str:
    """Return the table of the submitted method's scores on all splits with known labels."""
    own = scores[scores["method"] == submitted.method.name]
    rows = [
        (row.split, METRIC_NAMES[row.metric], f"{100 * row.value:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}]",
         f"{row.n:,}")
        for row in own.itertuples()
    ]  # fmt: skip
    return table(("split", "metric", "percent, with bootstrap 95 % interval", "products"), rows)


def _calibration(submitted: Submitted, calibration: pd.DataFrame) -> str:
    split = submitted.results.final_split
    row = calibration[(calibration["kind"] == "submission") & (calibration["split"] == split)].iloc[0]
    return (
        f"Expected calibration error of the decisions on {split} (15 bins): {100 * row['ece_tempered']:.1f} points, "
        f"{100 * row['ece']:.1f} before calibration."
    )


def public_config(experiment: Experiment) -> dict:
    """Return the config as it was written, without `sample` and without the path of the training data."""
    config = experiment.model_dump(mode="json", exclude={"sample"}, exclude_unset=True)
    config["catalogue"]["root"] = "."
    return config


def _again(experiment: Experiment) -> str:
    """Return the config, folded away, and the command that makes the experiment again with it."""
    config = public_config(experiment)
    if experiment.sample is not None:
        config |= {"sample": experiment.sample.model_dump(mode="json", exclude_unset=True)}
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    name, fence = f"configs/{experiment.name}.yaml", "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return (
        f"<details><summary>The config. Saved as {name}, with the folder of the catalogue in catalogue.root, `make "
        f"submission CONFIG={name}` makes all of it again.</summary>\n\n{fence}yaml\n{text}{fence}\n\n</details>"
    )
