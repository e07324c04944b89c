"""The model card of an exported model: what was trained on what, its scores, and its limits."""

from latefusion.config import Experiment, OnDemandPolicy
from latefusion.predictor.method import MethodSpec
from latefusion.predictor.unusual import Unusual
from latefusion.scores.automation import automation_table, coverage_table
from latefusion.scores.report import automation_sentence, markdown, threshold_table
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted
from latefusion.scores.tables import score_table
from latefusion.tables.dataset import Dataset


def model_card(results: Results, submitted: Submitted, spec: MethodSpec, unusual: Unusual) -> str:
    """Return the card as Markdown."""
    experiment, dataset = results.experiment, results.dataset
    splits = ", ".join(f"{n} {split}" for split, n in dataset.products["split"].value_counts().items())
    scores, _ = score_table(results)
    own = scores[scores["method"] == spec.name]
    rows = [
        f"| {row.split} | {row.metric} | {100 * row.value:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}] | {row.n} |"
        for row in own.itertuples()
    ]
    experts = [
        f"- `{name}`: {experiment.experts[name].kind}{_weights(experiment.experts[name].pretrained_model)}"
        for name in spec.experts(experiment)
    ]
    made_of = f", of the policies {', '.join(spec.policies)}" if len(spec.policies) > 1 else ""
    return "\n".join(
        [
            f"# {experiment.name}",
            "",
            f"Predicts {'several' if dataset.several else 'one'} of {len(dataset.classes)} classes from the title, the "
            f"description and the image of a product. Method: `{spec.name}`{made_of}. Confidences are calibrated."
            f"{_on_demand(experiment, spec)}",
            "",
            "    from latefusion import Predictor",
            "    table = Predictor.load('this folder').predict('new.csv', images='folder of the images')",
            "",
            "## Experts",
            "",
            *experts,
            "",
            f"## Data\n\n{len(dataset.products)} products: {splits}.{_labels(dataset)}",
            "",
            "## Scores\n",
            "| split | metric | percent, with bootstrap 95 % interval | products |\n|---|---|---|---|",
            *rows,
            "",
            "## Confidence thresholds\n",
            *_thresholds(submitted),
            "",
            "## Limits\n",
            "Scores hold for products like those of the catalogue that it was trained on. Classes that were not in it "
            f"are never predicted. {' '.join(_unusual(unusual))}",
            "",
            "## Files\n\nsafetensors, JSON, YAML, Parquet and tokenizer files only. `model.json` has their hashes.",
            "",
        ]
    )


def _thresholds(submitted: Submitted) -> list[str]:
    """Return the tables of thresholds: for shares that are to be right, and for shares of the products."""
    automation, results = automation_table(submitted), submitted.results
    return [
        "`target`: the share of the accepted predictions that is to be right (any from 0.5 to 1 can be asked for). "
        "`coverage`: the share of the products that is accepted. In percent:",
        "",
        markdown(threshold_table(automation, "target")),
        "",
        markdown(threshold_table(coverage_table(submitted), "coverage")),
        "",
        automation_sentence(automation, results.dataset.fusion_split, results.final_split),
    ]


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


def _labels(dataset: Dataset) -> str:
    """Return a sentence about the labels of products with several."""
    if not dataset.several:
        return ""
    targets = dataset.targets(dataset.select("train", "valid"))
    return (
        f" Products have {targets.sum(axis=1).mean():.1f} labels on average, from {targets.sum(axis=1).min()} to "
        f"{targets.sum(axis=1).max()}. Thresholds: right is a prediction whose first label is one of these."
    )


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


def _weights(model: str | None) -> str:
    return "" if model is None else f", on the pretrained weights {model}, whose licence applies"
