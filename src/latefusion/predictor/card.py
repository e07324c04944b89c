"""The model card of an exported model: what was trained on what, its scores, and its limits."""

from latefusion.predictor.method import MethodSpec
from latefusion.scores.results import Results
from latefusion.scores.submitted import Submitted
from latefusion.scores.tables import score_table


def model_card(results: Results, submitted: Submitted, spec: MethodSpec) -> str:
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
            f"Predicts one of {len(dataset.classes)} classes from the title, the description and the image of a "
            f"product. Method: `{spec.name}`{made_of}. Confidences are calibrated.",
            "",
            "    from latefusion import Predictor",
            "    table = Predictor.load('this folder').predict('new.csv', images='folder of the images')",
            "",
            "## Experts",
            "",
            *experts,
            "",
            f"## Data\n\n{len(dataset.products)} products: {splits}.",
            "",
            "## Scores\n",
            "| split | metric | percent, with bootstrap 95 % interval | products |\n|---|---|---|---|",
            *rows,
            "",
            "## Confidence thresholds\n",
            "| right | confidence | share of the products |\n|---|---|---|",
            *_thresholds(submitted),
            "",
            "Of the predictions with this confidence or more, this share was right on labelled products, out of fold.",
            "",
            "Scores hold for products like those of the catalogue that it was trained on. Classes that were not in it "
            "are never predicted. Texts in another language than those of the catalogue, and images of another kind, "
            "are not recognised as such.",
            "",
            "## Files\n\nsafetensors, JSON, YAML, Parquet and tokenizer files only. `model.json` has their hashes.",
            "",
        ]
    )


def _thresholds(submitted: Submitted) -> list[str]:
    return [
        f"| {row['target']:.0%} | {row['threshold']:.4f} | {row['share']:.0%} |"
        for row in submitted.facts["automation"]
        if row["threshold"] is not None
    ]


def _weights(model: str | None) -> str:
    return "" if model is None else f", on the pretrained weights {model}, whose licence applies"
