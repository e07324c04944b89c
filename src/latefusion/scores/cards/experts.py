"""The sections about experts and policies: what each is made of, and under which licence its pretrained weights are."""

from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import parse_local_safetensors_file_metadata

from latefusion.config import Experiment, ExpertConfig
from latefusion.plan.licences import UNKNOWN, PretrainedWeights, find_licence
from latefusion.plan.pretrained import local_folder
from latefusion.scores.cards.markdown import bullets, code, escape, table
from latefusion.scores.results import Results
from latefusion.tables.artifacts import read_json_object

NETWORK = "model.safetensors"
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  # in the file, but no parameters
MODALITIES = {"text": {"text"}, "image": {"image"}, "joint": {"text", "image"}}


def modalities(experiment: Experiment, names: Iterable[str]) -> set[str]:
    """Return what experts read: text, image, or both."""
    return set().union(*(MODALITIES[experiment.modality(name)] for name in names))


def pretrained_weights(experiment: Experiment, names: Iterable[str]) -> list[PretrainedWeights]:
    """Return the pretrained weights that experts start from, also by way of other experts, each once."""
    found: dict[str, str | None] = {}
    for name in names:
        found |= _origins(experiment, name)
    return [find_licence(model, hub_name) for model, hub_name in found.items()]


def _origins(experiment: Experiment, name: str) -> dict[str, str | None]:
    """Return the pretrained weights from which an expert, or one that it continues, starts: their names on the hub."""
    expert, experts = experiment.experts[name], experiment.experts
    networks: list[ExpertConfig] = [expert, *expert.networks(name, experts).values()]
    found = {one.pretrained_model: one.hub_name for one in networks if one.pretrained_model is not None}
    for source in expert.sources(experts):
        found |= _origins(experiment, source)
    return found


def experts_section(experiment: Experiment, names: Iterable[str], weights: list[PretrainedWeights]) -> str:
    """Return the table of experts and, if any starts from pretrained weights, that of their licences."""
    header = ("expert", "kind", "network", "starts from", "parameters", "epochs", "trained on")
    rows = [_expert_row(experiment, name) for name in names]
    notes = [_folds_note(experiment), _licences(weights)]
    return "\n\n".join(["## Experts", table(header, rows), *filter(None, notes)])


def _expert_row(experiment: Experiment, name: str) -> tuple[str, ...]:
    expert = experiment.experts[name]
    model = getattr(expert, "model", None)
    return (
        f"`{name}`",
        f"{expert.kind} ({experiment.modality(name)})",
        "-" if model is None else f"`{model}`",
        _start(experiment, expert),
        _parameters(experiment, name),
        _epochs(experiment, name),
        "labels without issues" if expert.trains_on_clean else "all labels",
    )


def _start(experiment: Experiment, expert: ExpertConfig) -> str:
    if expert.pretrained_model is not None:
        return f"`{expert.pretrained_model}`"
    if sources := expert.sources(experiment.experts):
        return code(sources)
    return "random weights" if expert.training is not None else "-"


def _parameters(experiment: Experiment, name: str) -> str:
    """Return the number of parameters of an expert's network, and of the frozen one that it reads with."""
    expert = experiment.experts[name]
    trained = count_parameters(experiment.views_of_test(name)[0].expert_dir(name) / NETWORK)
    if trained is None:
        return "-"
    if expert.training is not None or expert.pretrained_model is None:
        return f"{trained:,}"
    folder = local_folder(expert.pretrained_model)
    frozen = None if folder is None else count_parameters(folder / NETWORK)
    return f"{trained:,}, and {'an unknown number' if frozen is None else f'{frozen:,}'} frozen"


def count_parameters(path: Path) -> int | None:
    """Return the number of parameters in a safetensors file, by its header; None if there is no such file."""
    if not path.is_file():
        return None
    tensors = parse_local_safetensors_file_metadata(path).tensors
    return sum(info.parameter_count for key, info in tensors.items() if key.rpartition(".")[2] not in BUFFERS)


def _epochs(experiment: Experiment, name: str) -> str:
    """Return the number of epochs and, if an expert has chosen one, which; of folds, the first and the last of them."""
    expert = experiment.experts[name]
    if expert.training is None:
        return "-"
    facts = [read_json_object(path) for view in experiment.views_of_test(name) if (path := _metrics(view, name))]
    best = sorted({fact["best_epoch"] for fact in facts if "best_epoch" in fact})
    if not best or not expert.chooses_epoch:
        return str(expert.training.epochs)
    return f"{expert.training.epochs}, best: {' to '.join(map(str, dict.fromkeys([best[0], best[-1]])))}"


def _metrics(view: Experiment, name: str) -> Path | None:
    path = view.expert_dir(name) / "metrics.json"
    return path if path.is_file() else None


def _folds_note(experiment: Experiment) -> str:
    if experiment.split.n_folds is None:
        return ""
    nested = ", and once without each pair of folds" if experiment.split.nested else ""
    return (
        f"Each expert is trained {experiment.split.n_folds} times, once without each fold{nested}. New products get "
        "the mean over the folds or, from linear experts (tfidf, probes), the prediction of one more fit, on all "
        "labelled products. Parameters are those of one network."
    )


def _licences(weights: list[PretrainedWeights]) -> str:
    if not weights:
        return "No expert starts from pretrained weights."
    rows = [
        (f"`{one.model}`", UNKNOWN if one.licence == UNKNOWN else escape(one.licence), escape(one.said_by) or "-")
        for one in weights
    ]
    advice = (
        "A model that is made of weights is bound by their licences, and some licences forbid commercial use: check "
        "them at their source before you hand the model on."
    )
    return f"{table(('pretrained weights', 'licence', 'stated by'), rows)}\n\n{advice}"


def policies_section(results: Results, names: Iterable[str]) -> str:
    """Return the list of policies with what they read; empty if there are none."""
    policies = results.experiment.policies
    lines = [f"`{name}`: {policies[name].kind} of {code(policies[name].experts)}" for name in names]
    return f"## Policies\n\n{bullets(lines)}" if lines else ""
