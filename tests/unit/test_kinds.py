"""Every kind that a config can name has a row in its table, and every row serves a kind."""

from collections.abc import Iterator
from dataclasses import fields
from pkgutil import resolve_name
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import pytest
from helpers.configs import tiny_config
from helpers.policies import LEARNERS
from helpers.policies import RULES as RULE_POLICIES

from latefusion.catalogue.layouts import LAYOUTS
from latefusion.config import CatalogueConfig, Experiment, Expert, ExpertConfig, LateExpert, Policy, PolicyConfig
from latefusion.config.complexity import COMPLEXITIES
from latefusion.experts.kinds import EXPERTS, ExpertKind
from latefusion.fusion.kinds import POLICIES
from latefusion.fusion.rules import RULES
from latefusion.steps.scripts import SCRIPTS
from latefusion.submission.formats import CHALLENGES


def members(annotation: object) -> Iterator[type]:
    """Yield the classes of a union, of those nested in it too, whatever they are annotated with."""
    if get_origin(annotation) is Annotated:
        yield from members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from members(member)
    else:
        yield annotation


def kinds_of(config: type) -> set[str]:
    return set(get_args(config.model_fields["kind"].annotation))


EXPERT_CLASSES, POLICY_CLASSES = list(members(Expert)), list(members(Policy))
FUNCTIONS = [
    pytest.param(getattr(row, field.name), id=f"{kind} {field.name}")
    for kind, row in EXPERTS.items()
    for field in fields(ExpertKind)
    if isinstance(getattr(row, field.name), str)
]


def test_the_unions_are_walked_to_their_classes():
    assert len(EXPERT_CLASSES) >= 7
    assert len(POLICY_CLASSES) >= 4
    assert all(issubclass(config, ExpertConfig) for config in EXPERT_CLASSES)
    assert all(issubclass(config, PolicyConfig) for config in POLICY_CLASSES)


def test_every_kind_of_expert_has_a_row_and_every_row_a_kind():
    assert set().union(*map(kinds_of, EXPERT_CLASSES)) == set(EXPERTS)


def test_every_kind_of_policy_has_a_row_and_every_row_a_kind():
    assert set().union(*map(kinds_of, POLICY_CLASSES)) == set(POLICIES)
    assert all(callable(row.fit) and callable(row.groups) for row in POLICIES.values())


def test_every_kind_of_policy_is_among_those_that_the_tests_of_honest_scores_cover():
    """A new kind needs a line in `helpers.policies`: else nothing checks that it does not learn from what it scores."""
    assert {policy.kind for policy in (LEARNERS | RULE_POLICIES).values()} == set(POLICIES)
    assert {policy.kind for policy in RULE_POLICIES.values()} == set(RULES)


def test_every_format_of_a_catalogue_has_a_row_and_every_row_a_format():
    formats = get_args(CatalogueConfig.model_fields["format"].annotation)
    assert set(formats) == set(LAYOUTS)
    assert {row.challenge for row in LAYOUTS.values()} == {None, *CHALLENGES}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_a_row_is_there(name):
    module, _, function = name.partition(":")
    assert module.startswith("latefusion.")
    assert resolve_name(name).__name__ == function


def test_every_expert_says_what_it_reads_and_which_step_trains_it():
    for config in EXPERT_CLASSES:
        if config is not LateExpert:
            assert config.modality in ("text", "image", "joint"), config
            assert config.step in SCRIPTS, config


def test_a_late_checkpoint_takes_both_from_its_parent():
    experiment = Experiment.model_validate({"name": "tiny"} | tiny_config())
    assert not hasattr(LateExpert, "modality")
    assert not hasattr(LateExpert, "step")
    for name in experiment.experts:
        assert experiment.modality(name) == experiment.network_of(name).modality
    late = experiment.network_of("dcl_late")
    assert late == experiment.experts["dcl_clean"]
    assert (late.modality, late.step) == ("image", "dcl")


def test_every_kind_of_policy_says_how_complex_it_is():
    """`submit: best` needs it: a kind without it would end a run at its last step."""
    for config in POLICY_CLASSES:
        assert set(config.complexities) == kinds_of(config), config
        assert set(config.complexities.values()) <= set(COMPLEXITIES)


def test_every_policy_has_a_group_in_the_score_table():
    assert {config.score_group for config in POLICY_CLASSES} == {"policy", "rule"}
