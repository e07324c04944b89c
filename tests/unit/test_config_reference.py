"""docs/config.md is what the models of the config say, and says what each key means."""

import sys

from helpers.workspace import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "docs" / "generate"))
import config_reference


def test_the_reference_is_current():
    assert config_reference.PATH.read_text(encoding="utf-8") == config_reference.reference(), (
        f"run {config_reference.COMMAND}"
    )


def test_each_key_is_in_it_with_a_meaning():
    text = config_reference.reference()
    keys = {(key, model, name) for key, model, name in config_reference.keys_of()}
    assert len(keys) > 150
    assert {key for key, model, name in keys if not config_reference.meaning(model, name)} == set()
    assert {key for key, _, name in keys if f"| `{name}` |" not in text} == set()


def test_sections_of_all_kinds_are_in_it():
    text = config_reference.reference()
    for kind in ("transformer", "text_cnn", "dcl", "image_probe", "late", "network", "select", "on_demand"):
        assert f"kind: {kind}" in text
