"""Names in the config that refer to other names in it: each must exist, which is checked before anything runs."""

from collections.abc import Collection

from latefusion.config.experts import ExpertConfig, ImageInput
from latefusion.config.experts.base import must_exist
from latefusion.config.fusion import PolicyConfig

# What lies beside the experiments in weights/ and submissions/: weights/pretrained/ is the user's own.
RESERVED_EXPERIMENTS = ("pretrained", "readme")
VOTE_ROW = "vote"


def check_experiment_name(name: str) -> None:
    """Raise ValueError where the experiment's folder would be somebody else's."""
    if name.lower() in RESERVED_EXPERIMENTS:
        raise ValueError(f"name: weights/{name} is no experiment's folder; give the experiment another name")


def check_names(names: Collection[str]) -> None:
    """Raise ValueError where two experts or policies would share a folder, or a row of the score table."""
    for name in names:
        if name.lower() == VOTE_ROW:
            raise ValueError(f"'{name}' is the vote's row in the score table; give the expert or policy another name")
    spellings: dict[str, str] = {}
    for name in names:
        other = spellings.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"'{other}' and '{name}' differ in capitals alone: one folder on many file systems")


def check_references(experts: dict[str, ExpertConfig], *, cleans: bool) -> None:
    """Raise ValueError naming the expert's key whose value names nothing, or something of the wrong kind."""
    for name, expert in experts.items():
        key = f"experts.{name}"
        expert.check(key, experts)
        if expert.cleans and not cleans:
            raise ValueError(f"{key}.train_on: clean needs a denoise section")


def check_image_cache(side: int | None, images: dict[str, ImageInput]) -> None:
    """Raise ValueError where images are read larger than the cache has them."""
    for key, image in images.items():
        if side is not None and image.resize > side:
            raise ValueError(f"{key}.resize {image.resize} is larger than image_cache {side}")


def check_fusion(
    experts: dict[str, ExpertConfig], policies: dict[str, PolicyConfig], votes: dict[str, tuple[str, ...]]
) -> None:
    """Raise ValueError where a policy or the vote names nothing, or a name is taken twice."""
    for name in policies:
        if name in experts:
            raise ValueError(f"'{name}' names an expert and a policy; each needs a name of its own")
        _must_differ(f"policies.{name}.experts", policies[name].experts)
        for member in policies[name].experts:
            must_exist(f"policies.{name}.experts", member, experts)
    for key, members in votes.items():
        if not members:
            raise ValueError(f"{key}: the vote has no members: set vote.members or add a policy of kind network")
        _must_differ(key, members)
        for member in members:
            must_exist(key, member, policies)


def _must_differ(key: str, names: tuple[str, ...]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{key}: duplicate name '{twice[0]}'")
