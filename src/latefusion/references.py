"""Names on the page that point at other names on the page: every one must resolve, before anything runs."""

from typing import TYPE_CHECKING

from latefusion.nearest import did_you_mean

if TYPE_CHECKING:
    from latefusion.config import Experiment


def check_references(experiment: "Experiment") -> None:
    """Raise ValueError naming the key whose value names nothing, or names something of the wrong kind."""
    from latefusion.config import RESERVED_NAMES

    for name in (*experiment.experts, *experiment.policies):
        if name in RESERVED_NAMES:
            raise ValueError(f"'{name}' is a folder of the experiment's own; name the expert or policy otherwise")
    for name in set(experiment.experts) & set(experiment.policies):
        raise ValueError(f"'{name}' names an expert and a policy; each needs a name of its own")
    for name in experiment.experts:
        _check_expert(experiment, name)
    for name, policy in experiment.policies.items():
        for member in policy.experts:
            _must_exist(f"policies.{name}.experts", member, experiment.experts)
    for member in experiment.vote_members:
        _must_exist("vote.members", member, experiment.policies)


def _check_expert(experiment: "Experiment", name: str) -> None:
    expert = experiment.experts[name]
    key = f"experts.{name}"
    if expert.kind == "dcl":
        _must_exist(f"{key}.start_from", expert.start_from, experiment.experts)
        if experiment.experts[expert.start_from].kind != "cnn":
            raise ValueError(f"{key}.start_from: '{expert.start_from}' is not of kind cnn")
    if expert.kind == "late":
        _check_late(experiment, key, expert)
    if expert.kind in ("cnn", "dcl"):
        _check_image_expert(experiment, key, expert)


def _check_late(experiment: "Experiment", key: str, expert) -> None:
    _must_exist(f"{key}.of", expert.of, experiment.experts)
    parent = experiment.experts[expert.of]
    if parent.kind not in ("transformer", "cnn", "dcl"):
        raise ValueError(f"{key}.of: '{expert.of}' is of kind {parent.kind}, which has no checkpoints")
    if parent.train.keep_last <= expert.epochs_before_end:
        wanted = expert.epochs_before_end + 1
        raise ValueError(f"{key}: set experts.{expert.of}.train.keep_last to {wanted} or more, it keeps too few epochs")


def _check_image_expert(experiment: "Experiment", key: str, expert) -> None:
    if expert.train_on == "clean" and experiment.denoise is None:
        raise ValueError(f"{key}.train_on: clean needs a denoise section")
    if experiment.image_cache is not None and expert.image.resize > experiment.image_cache:
        raise ValueError(
            f"{key}.image.resize {expert.image.resize} is larger than image_cache {experiment.image_cache}"
        )


def _must_exist(key: str, name: str, known) -> None:
    if name not in known:
        raise ValueError(f"{key}: '{name}' does not exist{did_you_mean(name, known)}")
