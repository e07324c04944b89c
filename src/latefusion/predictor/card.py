"""The model card of an exported model: what was trained on what, scores, limits, licences of its weights."""

import pandas as pd

from latefusion.config import Experiment, OnDemandPolicy
from latefusion.predictor.method import MethodSpec
from latefusion.predictor.unusual import Unusual
from latefusion.scores.analysis import calibration_table
from latefusion.scores.automation import automation_table, coverage_table
from latefusion.scores.cards.data import data_section
from latefusion.scores.cards.experiment import score_section
from latefusion.scores.cards.experts import experts_section, modalities, policies_section, pretrained_weights
from latefusion.scores.cards.front_matter import front_matter
from latefusion.scores.cards.limits import limits_section
from latefusion.scores.environment import run_section
from latefusion.scores.notes import sample_note
from latefusion.scores.report import SETS_NOTE, markdown, threshold_table
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted
from latefusion.scores.tables import score_table

READ = {
    ("text",): "the title and the description",
    ("image",): "the image",
    ("image", "text"): "the title, the description and the image",
}
FILES = (
    "## Files\n\nsafetensors, JSON, YAML, Parquet and tokenizer files only. `config.yaml` is the config of the "
    "experiment, `model.json` has the hashes of all files."
)


def model_card(results: Results, submitted: Submitted, spec: MethodSpec, unusual: Unusual) -> str:
    """Return the card as Markdown."""
    experiment = results.experiment
    names = spec.experts(experiment)
    weights = pretrained_weights(experiment, names)
    scores, _ = score_table(results)
    tables = {
        "scores": scores,
        "calibration": calibration_table(results, submitted),
        "automation": automation_table(submitted),
    }
    sections = [
        front_matter(results, submitted.method, modalities(experiment, names), weights, scores),
        f"# {experiment.name}",
        _introduction(results, spec),
        sample_note(experiment),
        "    from latefusion import Predictor\n"
        "    table = Predictor.load('this folder').predict('new.csv', images='folder of the images')",
        data_section(results),
        experts_section(experiment, names, weights),
        policies_section(results, spec.policies),
        score_section(submitted, tables),
        f"## Confidence thresholds\n\n{_thresholds(submitted, tables['automation'])}",
        limits_section(results, submitted, [" ".join(_unusual(unusual))]),
        run_section(results),
        FILES,
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _introduction(results: Results, spec: MethodSpec) -> str:
    experiment, dataset = results.experiment, results.dataset
    from_what = READ[tuple(sorted(modalities(experiment, spec.experts(experiment))))]
    made_of = f", of {len(spec.policies)} policies" if len(spec.policies) > 1 else ""
    return (
        f"Predicts {'several' if dataset.several else 'one'} of {len(dataset.classes)} classes from {from_what} of a "
        f"product. Method: `{spec.name}`{made_of}. Confidences are calibrated.{_on_demand(experiment, spec)}"
    )


def _thresholds(submitted: Submitted, automation: pd.DataFrame) -> str:
    """Return the tables of thresholds: for shares that are to be right, and for shares of the products."""
    several = f" {SETS_NOTE}" if submitted.results.dataset.several else ""
    about = (
        "`target`: the share of the accepted predictions that is to be right (any from 0.5 to 1 can be asked for). "
        f"`coverage`: the share of the products that is accepted.{several} In percent:"
    )
    tables = (threshold_table(automation, "target"), threshold_table(coverage_table(submitted), "coverage"))
    return "\n\n".join([about, *map(markdown, tables)])


def _unusual(unusual: Unusual) -> list[str]:
    """Return sentences about the products that are flagged, and those that are not."""
    rules = []
    if unusual.text is not None:
        empty = "" if unusual.text.empty_is_usual else ", and products without any text"
        rules.append(
            "Texts of mostly unknown words, as in another language, are flagged in the column `unusual`" + empty + "."
        )
    if unusual.image is not None:
        rules.append(
            "Images of another texture, such as drawings or screenshots among photographs, are flagged there too; "
            "photographs of other things are not."
        )
    return rules + ["So are about 1 % of usual products, by each rule."] * bool(rules)


def _on_demand(experiment: Experiment, spec: MethodSpec) -> str:
    """Return sentences about the experts that run on demand."""
    dear = [name for name in spec.experts(experiment) if name not in spec.cheap_experts(experiment)]
    if not dear:
        return ""
    policies = (experiment.policies[name] for name in spec.policies)
    shares = [policy.image_share for policy in policies if isinstance(policy, OnDemandPolicy)]
    return (
        f" The experts {', '.join(f'`{name}`' for name in dear)} run only for the products for which they are asked "
        f"for: of the labelled products, a share of {shares[0]:.2f}. `--image-share` asks for another share."
    )
