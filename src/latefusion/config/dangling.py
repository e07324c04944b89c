"""Names in the config that do not exist: all of them in one message, with the settings that do without them."""

import shlex
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from latefusion.config.experts import ExpertConfig
from latefusion.config.fusion import ChoosingPolicy, ExpertsPolicy, PolicyConfig
from latefusion.utils.nearest import did_you_mean

Experts = Mapping[str, ExpertConfig]
Policies = Mapping[str, PolicyConfig]
Votes = Mapping[str, tuple[str, ...]]


class Reference(NamedTuple):
    """A name that a key of the config gives, and what it may name."""

    key: str
    name: str
    known: Collection[str]


def refuse_dangling(experts: Experts, policies: Policies, votes: Votes, removed: Collection[str]) -> None:
    """Raise ValueError that lists all names of experts and policies that do not exist.

    `votes` maps the config's key of a vote to its members. `removed`: what the user has removed, as `experts.tfidf`.
    """
    dangling = [one for one in _references(experts, policies, votes) if one.name not in one.known]
    if not dangling:
        return
    gone = {key.rpartition(".")[2] for key in removed}
    lines = [
        f"{key}: '{name}' {'is removed' if name in gone else f'does not exist{did_you_mean(name, known)}'}"
        for key, name, known in dangling
    ]
    lost = {one.name for one in dangling} - experts.keys() - policies.keys()
    settings = _without(lost, experts, policies, votes)
    if len(settings) > 1 or len(dangling) > 1 or gone & lost:
        options = " ".join(f"--set {shlex.quote(setting)}" for setting in settings)
        lines += [f"To do without {', '.join(sorted(lost))}: {options}"] if lost else []
    raise ValueError("\n  ".join(dict.fromkeys(lines)))


def _references(experts: Experts, policies: Policies, votes: Votes) -> Iterator[Reference]:
    for name, expert in experts.items():
        for key, source in expert.named.items():
            yield Reference(f"experts.{name}.{key}", source, experts)
    for name, policy in policies.items():
        if isinstance(policy, ExpertsPolicy):
            yield from (Reference(f"policies.{name}.experts", member, experts) for member in policy.experts)
        if policy.own_network is not None:
            yield Reference(f"policies.{name}.network", policy.own_network, experts)
        for key, source in policy.sources.items():
            yield Reference(f"policies.{name}.{key}", source, {**experts, **policies} if key == "first" else policies)
    for key, members in votes.items():
        yield from (Reference(key, member, policies) for member in members)


def _without(lost: set[str], experts: Experts, policies: Policies, votes: Votes) -> list[str]:
    """Return the settings that remove what cannot do without the lost names, and shorten the lists of the others."""
    lost, before = set(lost), -1
    while len(lost) > before:  # what is removed takes along what needs it
        before = len(lost)
        lost |= {name for name, expert in experts.items() if lost & set(expert.named.values())}
        lost |= {name for name, policy in policies.items() if _needs(policy, lost)}
    settings = [f"{section}.{name}=null" for section, names in (("experts", experts), ("policies", policies))
                for name in names if name in lost]  # fmt: skip
    lists = {
        f"policies.{name}.experts": policy.experts
        for name, policy in policies.items()
        if name not in lost and isinstance(policy, ExpertsPolicy)
    }
    for key, names in (lists | dict(votes)).items():
        kept = [name for name in names if name not in lost]
        if len(kept) < len(names):
            nothing = "networks" if key == "vote.members" else "null"
            settings.append(f"{key}=[{', '.join(kept)}]" if kept else f"{key}={nothing}")
    return settings


def _needs(policy: PolicyConfig, lost: set[str]) -> bool:
    """Return whether a policy cannot be without the lost names: fewer than two experts would be left to fuse."""
    if lost & {*policy.sources.values(), policy.own_network}:
        return True
    if not isinstance(policy, ExpertsPolicy) or not lost & set(policy.experts):
        return False
    return isinstance(policy, ChoosingPolicy) or len(set(policy.experts) - lost) < 2
