"""The sentences below the score table: what its numbers are, and what they are not. All are computed from the run."""

import pandas as pd

from latefusion.catalogue.sample import read_sample_facts
from latefusion.config import Experiment, LateExpert
from latefusion.plan.records import verified
from latefusion.scores.results import Results
from latefusion.scores.tables import best_expert, best_policy
from latefusion.tables.artifacts import read_json_object

METHODS = (
    "In percent, with bootstrap 95 % intervals. {sizes}. On valid, an expert that chooses an epoch is scored, fold by "
    "fold, at the epoch that is best on the other folds, and a policy by what it learnt on the other folds; its "
    "networks after their last epoch. So, given the folds and the experts' probabilities, no product's label moves its "
    "own row. On test, if there is any, nothing was trained or chosen on any product. Gains are paired differences of "
    "{split} macro-F1 from {best}, the text or image expert of highest valid macro-F1; p is McNemar's, of who is right "
    "more often."
)
CHOSEN_INPUTS = (
    "what policies learn from on the other folds are probabilities by epochs which it helped to choose, those of "
    "{names} (on noise this adds nothing that can be told from chance: tests/benchmarks/honesty.py)"
)
WENT_ON = "{names} began from the weights of another expert's epoch that is best on all of valid"
CLEANED = "it took part in finding the label issues among the validation products (denoise.clean_valid)"


def methods_note(results: Results, scores: pd.DataFrame) -> str:
    """Say what the table's numbers are, and by which ways a valid product's label still reaches its own row."""
    sizes = scores.drop_duplicates("split").set_index("split")["n"]
    about = "; ".join(f"{split}: {n} products" for split, n in sizes.items())
    note = METHODS.format(sizes=about, split=results.final_split, best=best_expert(scores) or "-")
    ways = _ways_left(results.experiment)
    return f"{note} What is left of a label's influence on its own row: {'; '.join(ways)}." if ways else note


def _ways_left(experiment: Experiment) -> list[str]:
    fused = {name for policy in experiment.policies.values() for name in policy.experts}
    choosing = [name for name in experiment.experts if name in fused and experiment.experts[name].training is not None]
    went_on = [name for name in experiment.experts if experiment.experts[name].continues_another(experiment.experts)]
    ways = [CHOSEN_INPUTS.format(names=", ".join(choosing))] if choosing else []
    ways += [WENT_ON.format(names=", ".join(went_on))] if went_on else []
    return [*ways, CLEANED] if experiment.cleans_valid else ways


def best_policy_note(results: Results, scores: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Name the policy of highest valid macro-F1, of any kind, with its gain on the products methods are compared on.

    It is the one policy that may be reported as the best: chosen without a look at the test products.
    """
    name, split = best_policy(scores), results.final_split
    if name is None or comparisons.empty:
        return ""
    cells = scores.set_index(["method", "split", "metric"])["value"]
    gain = comparisons.set_index(["method", "split"]).loc[name, split]
    n_policies = sum(method.kind in ("policy", "rule") for method in results.methods)
    on_valid = 100 * cells[name, "valid", "macro_f1"]
    caution = "Any other policy is best only by a look at the test products."
    if split == "valid":
        caution = "Being the best of so many flatters this gain."
    return (
        f"Best policy by valid macro-F1, of {n_policies}: {name}, {on_valid:.2f} on valid; "
        f"{split} gain over {gain['against']} {100 * gain['macro_f1_gain']:+.2f} "
        f"[{100 * gain['low']:+.2f}, {100 * gain['high']:+.2f}]. {caution}"
    )


def late_note(results: Results) -> str:
    """Name the late experts that are their parents: whose epoch is the very one that was best on valid."""
    experiment, same = results.experiment, []
    for name, expert in experiment.experts.items():
        if isinstance(expert, LateExpert) and {f"experts/{name}", f"experts/{expert.of}"} <= results.done:
            epoch = experiment.experts[expert.of].train.epochs - expert.epochs_before_end
            if read_json_object(verified(experiment.expert_dir(expert.of), "metrics.json")).get("best_epoch") == epoch:
                same.append(f"{name} is {expert.of} on test: epoch {epoch} is also its best")
    return f"{'; '.join(same)}. Another epochs_before_end makes them differ." if same else ""


def sample_note(experiment: Experiment) -> str:
    """Say of a sample experiment what its catalogue is, and that it is drawn so that fusion helps."""
    if experiment.sample is None:
        return ""
    vagueness = read_sample_facts(experiment)["vagueness"]
    text, image, both = (f"{100 * vagueness[kind]:.0f} %" for kind in ("text", "image", "both"))
    return (
        f"Synthetic sample catalogue, drawn by the project so that fusion helps: {text} of the products are vague in "
        f"their text alone, {image} in their image alone and only {both} in both, so that one of the two nearly "
        "always tells the class; how much fusion gains on real products is not measured by it."
    )
