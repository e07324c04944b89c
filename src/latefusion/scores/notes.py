"""The notes below the score table: how its numbers are computed, and their limits, from the files of the run."""

import pandas as pd

from latefusion.catalogue.sample import read_sample_facts
from latefusion.config import Experiment, LateExpert
from latefusion.metrics.f1 import METRIC_NAMES
from latefusion.plan.records import verified
from latefusion.scores.results import Results
from latefusion.scores.tables import best_expert, best_policy, chosen_metric
from latefusion.tables.artifacts import read_json_object

METHODS = (
    "Scores are in percent, with bootstrap 95 % intervals. {sizes}. {how} A policy's scores on {learnt} are computed "
    "fold by fold, from what it learnt on the other folds (its networks after their last epoch). So, given the folds "
    "and the experts' probabilities, no product's label influences the decision on that product. The test products, "
    "if there are any, were not used for training or for any choice. Gains are paired differences of {split} {metric} "
    "from {best}, the text or image expert of highest {learnt} {metric}; p is the p-value of McNemar's test of which "
    "of the two is right more often."
)
SEVERAL_LABELS = (
    "Products have several labels. The F1 scores compare all labels that a method assigns with all labels of the "
    "products: micro-F1 over all of them, macro-F1 as the mean over the classes, weighted F1 weighted by the classes' "
    "products. Accuracy is the share of products whose first assigned label, the most probable, is one of theirs; p "
    "compares these."
)
ON_VALID = "On valid, an expert that chooses an epoch uses, for each fold, the epoch that is best on the other folds."
ON_OOF = (
    "oof: out-of-fold probabilities, from the model of the fold that holds the product out. On test, networks give the "
    "mean over the folds; a linear expert (tfidf, a probe) is trained once more, on all labelled products."
)
CHOSEN_INPUTS = (
    "it helps to choose, for the other folds, the epochs of {names}, and policies are trained on the resulting "
    "probabilities (on noise this effect cannot be distinguished from chance: tests/benchmarks/honesty.py)"
)
CONTINUED = "{names} started from another expert's weights, of the epoch that is best on all of the held-out products"
CROSS_FITTED = (
    "policies learn their decision on it from probabilities of experts that were trained on it "
    "(split.nested prevents this; tests/benchmarks/cross_fitting.py measures it)"
)
THRESHOLDS = (
    "the thresholds by which its labels are assigned (label_thresholds) are learnt on products of other folds, whose "
    "probabilities policies learnt from it"
)
CLEANED = "it was used to find the label issues among the validation products (denoise.clean_valid)"


def methods_note(results: Results, scores: pd.DataFrame) -> str:
    """Return how the numbers are computed, and how a label can still influence the decision on its product."""
    sizes = scores.drop_duplicates("split").set_index("split")["n"]
    about = "; ".join(f"{split}: {n} products" for split, n in sizes.items())
    learnt = results.dataset.fusion_split
    note = METHODS.format(
        sizes=about, how={"valid": ON_VALID, "oof": ON_OOF}[learnt], learnt=learnt,
        split=results.final_split, best=best_expert(scores) or "-", metric=METRIC_NAMES[chosen_metric(scores)],
    )  # fmt: skip
    influences = remaining_influences(results.experiment)
    if not influences:
        return note
    return f"{note} Remaining ways in which a product's label influences its own decision: {'; '.join(influences)}."


def remaining_influences(experiment: Experiment) -> list[str]:
    """Return the ways in which a product's label can influence the decision on it, beside the choice of the method."""
    fused = {name for policy in experiment.policies.values() for name in policy.experts}
    choosing = [name for name, expert in experiment.experts.items() if name in fused and expert.chooses_epoch]
    continued = [name for name in experiment.experts if experiment.experts[name].continues_another(experiment.experts)]
    influences = [CHOSEN_INPUTS.format(names=", ".join(choosing))] if choosing else []
    influences += [CROSS_FITTED] if experiment.split.n_folds is not None and not experiment.split.nested else []
    influences += [CONTINUED.format(names=", ".join(continued))] if continued else []
    influences += [THRESHOLDS] if experiment.several and experiment.label_thresholds != "half" else []
    return [*influences, CLEANED] if experiment.cleans_valid else influences


def best_policy_note(results: Results, scores: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return the name of the policy of highest score on `fusion_split`, of any kind, and its final gain.

    Only this policy may be reported as the best: it is chosen without the test products.
    """
    name, split = best_policy(scores), results.final_split
    if name is None or comparisons.empty:
        return ""
    cells = scores.set_index(["method", "split", "metric"])["value"]
    gain = comparisons.set_index(["method", "split"]).loc[name, split]
    n_policies = sum(method.kind in ("policy", "rule") for method in results.methods)
    learnt = results.dataset.fusion_split
    metric = chosen_metric(scores)
    score = 100 * cells[name, learnt, metric]
    caution = "Any other choice of a best policy would use the test products."
    if split == learnt:
        caution = "The gain is too optimistic: it is the best of so many on the same products."
    return (
        f"Best policy by {learnt} {METRIC_NAMES[metric]}, of {n_policies}: {name}, {score:.2f} on {learnt}; "
        f"{split} gain over {gain['against']} {100 * gain['gain']:+.2f} "
        f"[{100 * gain['low']:+.2f}, {100 * gain['high']:+.2f}]. {caution}"
    )


def late_note(results: Results) -> str:
    """Return a note on the late experts that equal their parent, because both have the weights of the same epoch."""
    experiment, same = results.experiment, []
    for name, expert in experiment.experts.items():
        if isinstance(expert, LateExpert) and {f"experts/{name}", f"experts/{expert.of}"} <= results.done:
            epoch = experiment.experts[expert.of].require_training().epochs - expert.epochs_before_end
            if read_json_object(verified(experiment.expert_dir(expert.of), "metrics.json")).get("best_epoch") == epoch:
                same.append(f"on test {name} equals {expert.of}, whose best epoch is also epoch {epoch}")
    return f"Late experts: {'; '.join(same)}. Change epochs_before_end to make them differ." if same else ""


def sample_note(experiment: Experiment) -> str:
    """Return a note on the sample catalogue: it is synthetic and drawn so that fusion helps. Empty for others."""
    if experiment.sample is None:
        return ""
    facts = read_sample_facts(experiment)
    return _several_note(**facts) if experiment.several else _one_label_note(facts["vagueness"])


def _several_note(vagueness: dict[str, float], shares: dict[str, float]) -> str:
    vague = {name: f"{100 * share:.0f} %" for name, share in vagueness.items()}
    own = {name: f"{100 * share:.0f} %" for name, share in shares.items()}
    return (
        "Synthetic sample catalogue, drawn by the project so that fusion helps: titles are vague about the type of "
        f"{vague['title']} of the products, descriptions of {vague['description']}, images of {vague['image']}, each "
        f"independently. Only the image shows colour ({own['colour']} have this label) and pattern ({own['pattern']}), "
        f"only the description names the feature ({own['feature']}), and only the title the theme ({own['theme']}). It "
        "does not measure how much fusion gains on real products."
    )


def _one_label_note(vagueness: dict[str, float]) -> str:
    text, image, both = (f"{100 * vagueness[kind]:.0f} %" for kind in ("text", "image", "both"))
    return (
        f"Synthetic sample catalogue, drawn by the project so that fusion helps: {text} of the products are vague in "
        f"their text only, {image} in their image only, and only {both} in both, so one of the two nearly always "
        "identifies the class. It does not measure how much fusion gains on real products."
    )
