"""What an expert's job is built on: the jobs it needs, and every setting that it depends on."""

from collections.abc import Iterable

from latefusion.config import CnnExpert, EndToEndJointExpert, Experiment, Expert, FrozenJointExpert, LateExpert


def in_order(experiment: Experiment) -> list[str]:
    """Return the experts, each after those it needs, in the page's order otherwise."""
    return sorted(experiment.experts, key=lambda name: _depth(experiment, name))


def expert_needs(experiment: Experiment, name: str) -> tuple[str, ...]:
    """Return the names of the jobs that must be done before an expert's."""
    expert = experiment.experts[name]
    needs = _built_on(experiment, expert)
    return (*needs, "denoise") if getattr(expert, "train_on", "all") == "clean" else needs


def expert_settings(experiment: Experiment, name: str) -> dict:
    """Return what an expert's folder is made by, apart from the jobs it needs."""
    expert = experiment.experts[name]
    settings = expert.model_dump(mode="json")
    if isinstance(expert, EndToEndJointExpert):  # it trains their networks itself: how they are trained is not read
        settings["experts"] = {
            source: experiment.experts[source].model_dump(mode="json", exclude={"train", "train_on"})
            for source in (expert.text, expert.image)
        }
    if experiment.modality(name) == "image" or isinstance(expert, EndToEndJointExpert):
        settings["image_cache"] = experiment.cache_side
    return settings


def reads_images(experiment: Experiment, name: str) -> bool:
    """Tell whether an expert's outputs depend on the catalogue's images."""
    return experiment.modality(name) != "text"


def started_by(experiment: Experiment, name: str) -> list[Expert]:
    """Return the experts whose networks a job starts anew: its own, or those that it trains together."""
    expert = experiment.experts[name]
    if isinstance(expert, EndToEndJointExpert):
        return [experiment.experts[expert.text], experiment.experts[expert.image]]
    return [expert]


def pretrained_models(experts: Iterable[Expert]) -> tuple[str, ...]:
    """Return the names of the pretrained weights that these experts' networks start from."""
    models = [
        expert.model
        for expert in experts
        if getattr(expert, "model", None) is not None and (not isinstance(expert, CnnExpert) or expert.pretrained)
    ]
    return tuple(dict.fromkeys(models))


def goes_on(experiment: Experiment, name: str) -> bool:
    """Tell whether an expert is built on the best weights of another, or is a late checkpoint of one that is."""
    expert = experiment.experts[name]
    if isinstance(expert, LateExpert):
        return goes_on(experiment, expert.of)
    return any(need in experiment.experts for need in _built_on(experiment, expert))


def _built_on(experiment: Experiment, expert: Expert) -> tuple[str, ...]:
    if isinstance(expert, LateExpert):
        return (expert.of,)
    if isinstance(expert, FrozenJointExpert):
        return (expert.text, expert.image)
    if isinstance(expert, EndToEndJointExpert):
        start_from = experiment.experts[expert.image].start_from
        return ("catalogue",) if start_from is None else ("catalogue", start_from)
    return (getattr(expert, "start_from", None) or "catalogue",)


def _depth(experiment: Experiment, name: str) -> int:
    """How many experts must come before this one."""
    below = [need for need in expert_needs(experiment, name) if need in experiment.experts]
    return 1 + max((_depth(experiment, need) for need in below), default=-1)
