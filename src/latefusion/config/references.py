"""Checks of names in the config: they must be valid and unique, and what they refer to must exist."""

from collections.abc import Collection, Mapping

from latefusion.config.experts import EndToEndJointExpert, ExpertConfig, JointExpert
from latefusion.config.fusion import OnDemandPolicy, PolicyConfig
from latefusion.config.images import ImageInput

# Names with another use in weights/ and submissions/: weights/pretrained/ holds files of the user, weights/unpacked/
# holds weights from pip packages, weights/features/ features for all experiments.
RESERVED_EXPERIMENTS = ("features", "pretrained", "readme", "unpacked")
VOTE_ROW = "vote"  # the vote's row in the score table


def check_experiment_name(name: str) -> None:
    """Raise ValueError if the experiment's name is reserved."""
    if name.lower() in RESERVED_EXPERIMENTS:
        raise ValueError(f"name: '{name}' is reserved: weights/{name} has another use; choose another name")


def check_names(names: Collection[str]) -> None:
    """Raise ValueError if two experts or policies would share a folder or a row of the score table."""
    for name in names:
        if name.lower() == VOTE_ROW:
            raise ValueError(f"'{name}' is reserved for the vote's row in the score table; choose another name")
    spellings: dict[str, str] = {}
    for name in names:
        other = spellings.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"'{other}' and '{name}' differ only in case, which many file systems ignore")


def check_references(experts: Mapping[str, ExpertConfig], *, has_denoise: bool) -> None:
    """Raise ValueError, naming the key, if an expert refers to something that is missing or of the wrong kind.

    `has_denoise`: whether the config has a denoise section.
    """
    for name, expert in experts.items():
        key = f"experts.{name}"
        expert.check(key, experts)
        if expert.trains_on_clean and not has_denoise:
            raise ValueError(f"{key}.train_on: clean needs a denoise section: add one, or set train_on to all")


def check_image_cache(side: int | None, images: dict[str, ImageInput]) -> None:
    """Raise ValueError if an expert reads images larger than the cache holds them; `side` None: no cache."""
    for key, image in images.items():
        if side is not None and image.resize > side:
            raise ValueError(f"{key}.resize {image.resize} is larger than image_cache {side}")


def check_fusion(
    experts: Mapping[str, ExpertConfig], policies: Mapping[str, PolicyConfig], votes: dict[str, tuple[str, ...]]
) -> None:
    """Raise ValueError if a policy or a vote has no members or duplicate ones; `config.dangling` has the unknown ones.

    `votes` maps the config's key of a vote to its members.
    """
    for name in policies:
        if name in experts:
            raise ValueError(f"'{name}' is the name of an expert and of a policy; rename one of them")
    _resolve(policies)
    for name in policies:
        _must_differ(f"policies.{name}.experts", policies[name].experts)
        if (network := policies[name].own_network) is not None:
            _check_network(f"policies.{name}.network", network, experts)
    for key, members in votes.items():
        if not members:
            raise ValueError(
                f"{key}: the vote has no members: set vote.members or add a policy of kind network; for a run without "
                "a vote, remove the section vote and set submit: best"
            )
        _must_differ(key, members)


def _resolve(policies: Mapping[str, PolicyConfig]) -> None:
    """Look up the policies that policies of kind on_demand name, after checks that they do not cycle."""
    for name, policy in policies.items():
        for key, source in policy.sources.items():
            if isinstance(policies.get(source), OnDemandPolicy):
                raise ValueError(f"policies.{name}.{key}: '{source}' is of kind on_demand itself: name another policy")
            if source in policies and policies[source].own_network is not None:
                raise ValueError(
                    f"policies.{name}.{key}: '{source}' reads raw inputs, which kind on_demand cannot ask for: "
                    "name another policy"
                )
        if isinstance(policy, OnDemandPolicy):
            cheap = set(policy.resolved(policies).cheap)
            if cheap >= set(policy.parts[1].experts):
                raise ValueError(
                    f"policies.{name}.then: '{policy.then}' reads no expert that '{policy.first}' does not"
                )


def _check_network(key: str, name: str, experts: Mapping[str, ExpertConfig]) -> None:
    """Raise ValueError unless a policy can train a network like that of an expert, from its beginning."""
    expert = experts[name]
    if isinstance(expert, JointExpert) and not isinstance(expert, EndToEndJointExpert):
        raise ValueError(f"{key}: '{name}' is a head on frozen features of experts; name one with features: end_to_end")
    if not isinstance(expert, EndToEndJointExpert) and "end_to_end" not in expert.joins:
        raise ValueError(
            f"{key}: '{name}' is of kind {expert.kind}, which has no network to train: name an expert of kind "
            "transformer, text_cnn, cnn or joint"
        )
    if sources := expert.sources(experts):
        raise ValueError(
            f"{key}: '{name}' starts from the trained weights of '{sources[0]}': name an expert that starts by itself"
        )


def check_policy_labels(policies: Mapping[str, PolicyConfig], *, several: bool) -> None:
    """Raise ValueError if a policy cannot be used for products with one label, or with several."""
    for name, policy in policies.items():
        if problem := policy.labels_problem(several=several):
            raise ValueError(f"policies.{name}.{problem}")


def _must_differ(key: str, names: tuple[str, ...]) -> None:
    duplicates = [name for name in names if names.count(name) > 1]
    if duplicates:
        raise ValueError(f"{key}: duplicate name '{duplicates[0]}'")
