"""Read an experiment's YAML config, apply `--set key=value` overrides, and report everything that is wrong with it."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from latefusion.config.catalogue import CatalogueConfig, Columns
from latefusion.config.experiment import Experiment
from latefusion.config.section import Section
from latefusion.config.strict_yaml import MAX_CHARACTERS, MAX_DEPTH, read_yaml
from latefusion.utils.errors import InputError
from latefusion.utils.nearest import did_you_mean, nearest, shorten

DEFAULT_CONFIG = Path(__file__).parents[3] / "configs" / "sample.yaml"
NEW_TABLE_KEYS = ("columns", "delimiter", "encoding", "quoted", "repeated_ids", "image_separator")
REMOVABLE = ("experts", "policies", "vote.subsets")  # sections of which null removes an entry
NAMED = ("experts", "policies")  # sections whose keys are names chosen by the user


def load_experiment(path: Path = DEFAULT_CONFIG, overrides: Sequence[str] = ()) -> Experiment:
    """Return the experiment that a config describes; its name is the file's stem unless the config sets `name`.

    An expert, a policy or a vote of `vote.subsets` that is null is removed. Raises InputError that lists every key that
    is wrong, by its path or its line.
    """
    config = _read_config(path)
    config.setdefault("name", path.stem)
    written = {section: set(_mapping(config.get(section))) for section in NAMED}
    for override in overrides:
        _refuse_unknown_null(config, override)
        _apply_override(config, override)
    removed = _remove_nulls(config)
    return _validate(Experiment, config, f"{path}: invalid config:", written, removed)


def load_new_table(
    products: Path, columns: Columns, overrides: Sequence[str], *, image_separator: str | None = None
) -> CatalogueConfig:
    """Return how to read a table of new products: as the catalogue, with the overrides `catalogue.<key>=value`.

    `columns` and `image_separator` are those of the catalogue. Raises InputError for other keys, and for values that
    cannot be meant.
    """
    table = {"format": "table", "root": products.parent, "products": products.name, "missing_titles": "keep"}
    table["image_separator"] = image_separator
    config: dict = {"catalogue": table | {"columns": columns.model_dump(exclude_unset=True)}}
    for override in overrides:
        section, _, key = override.partition("=")[0].partition(".")
        if section != "catalogue" or key.partition(".")[0] not in NEW_TABLE_KEYS:
            keys = ", ".join(f"catalogue.{name}" for name in NEW_TABLE_KEYS)
            raise InputError(f"--set {shorten(override)}: of a table of new products, only these can be set: {keys}")
        _apply_override(config, override)
    return _validate(_NewTable, config, "--set: invalid values:", {}).catalogue


class _NewTable(Section):
    catalogue: CatalogueConfig


Model = TypeVar("Model", bound=Section)


def _validate(
    model: type[Model], config: dict, headline: str, written: dict[str, set[str]], removed: Collection[str] = ()
) -> Model:
    """Return the model of a config.

    `written`: the names in the file, without those that `--set` added; `removed`: the keys that null has removed.
    """
    try:
        return model.model_validate(config, context={"removed": removed})
    except ValidationError as error:
        problems: dict[str, list[str]] = {}
        for problem in error.errors():
            keys, message = _describe(problem, config)
            if problem["type"] in ("missing", "union_tag_not_found"):
                message += _misspelt_override(keys, written)
            problems.setdefault(".".join(keys), []).append(message)
        lines = (
            f"{shorten(key, 200)}: {' or '.join(dict.fromkeys(messages))}".removeprefix(": ")
            for key, messages in problems.items()
        )
        raise InputError("\n  ".join([headline, *lines])) from None


def _read_config(path: Path) -> dict:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"{path}: the config is not UTF-8: {error}") from None
        raise InputError(f"{path}: cannot read the config: {getattr(error, 'strerror', None) or error}") from None
    config = read_yaml(text, str(path))
    if not isinstance(config, dict):
        raise InputError(f"{path}: a config must be a mapping of keys to values; see configs/catalogue.yaml")
    return config


def _apply_override(config: dict, override: str) -> None:
    key, equals, value = override.partition("=")
    shown = f"--set {shorten(override)}"
    if not equals or not key:
        raise InputError(f"{shown}: write key=value, for example --set catalogue.root=data/mine")
    *parents, last = key.split(".")
    if len(parents) >= MAX_DEPTH:
        raise InputError(f"{shown}: nested more than {MAX_DEPTH} levels deep")
    section = config
    for parent in parents:
        below = section.get(parent, {})
        if not isinstance(below, dict):
            raise InputError(f"{shown}: '{parent}' holds a value, not a mapping of keys")
        section[parent] = dict(below)  # a copy: sections that share a YAML anchor are the same object
        section = section[parent]
    section[last] = read_yaml(value, shown)


def _section(config: Mapping, path: str) -> Mapping:
    for key in path.split("."):
        config = _mapping(config.get(key))
    return config


def _refuse_unknown_null(config: Mapping, override: str) -> None:
    """Raise InputError if an override removes what is not there: a misspelt name."""
    key, _, value = override.partition("=")
    section, _, name = key.rpartition(".")
    known = list(_section(config, section))
    if section in REMOVABLE and name not in known and read_yaml(value, f"--set {shorten(override)}") is None:
        raise InputError(f"--set {shorten(override)}: there is no {shorten(key)} to remove{did_you_mean(name, known)}")


def _remove_nulls(config: dict) -> list[str]:
    """Remove the entries of `REMOVABLE` that are null, and return their keys."""
    removed = []
    for path in REMOVABLE:
        found = _section(config, path)
        if not (nulls := [name for name, value in found.items() if value is None]):
            continue
        *parents, last = path.split(".")
        above = config
        for parent in parents:
            above[parent] = dict(above[parent])  # a copy, as in `_apply_override`
            above = above[parent]
        above[last] = {name: value for name, value in found.items() if value is not None}
        removed += [f"{path}.{name}" for name in nulls]
    return removed


def _mapping(value: object) -> Mapping:
    return value if isinstance(value, Mapping) else {}


def _misspelt_override(keys: list[str], written: dict[str, set[str]]) -> str:
    """Return a clause for the error if the expert or policy is not in the file and comes only from a `--set` key."""
    if len(keys) < 2 or keys[0] not in NAMED or keys[1] in written[keys[0]]:
        return ""
    near = nearest(keys[1], written[keys[0]])
    return f"; the config has no {keys[0]}.{keys[1]}" + (f", did you mean {keys[0]}.{near}?" if near else "")


def _describe(problem: Mapping, config: dict) -> tuple[list[str], str]:
    """Return the keys that lead to a problem, without the union tags that pydantic inserts, and its message."""
    keys: list[str] = []
    section: object = config
    for key in problem["loc"]:
        if isinstance(section, dict) and key in section:
            section = section[key]
        elif key == problem["loc"][-1] and problem["type"] == "missing":
            section = None
        else:
            continue  # the tag of a union, not a key of the config
        keys.append(str(key))
    context = problem.get("ctx", {})
    if "key" in context:
        keys.append(context["key"])
    if problem["type"] == "union_tag_invalid":
        keys.append(context["discriminator"].strip("'"))
    return keys, _message(problem, context)


def _message(problem: Mapping, context: dict) -> str:
    """Return pydantic's message, or a clearer one if pydantic's names Python types instead of YAML's."""
    value, message = problem["input"], problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "union_tag_not_found":
        return f"the key {context['discriminator']} is missing"
    if problem["type"] == "union_tag_invalid":
        return f"unknown value '{shorten(context['tag'])}'{did_you_mean(context['tag'], _quoted(context))}"
    if problem["type"] == "literal_error" and isinstance(value, str):
        return f"unknown value '{shorten(value)}'{did_you_mean(value, _quoted(context))}"
    if problem["type"] in ("dict_type", "model_type", "model_attributes_type"):
        return "should be a mapping of keys to values"
    if problem["type"] == "tuple_type":
        return "should be a list"
    if problem["type"] == "string_pattern_mismatch":  # only names have a pattern
        return "a name may hold letters, digits, - and _, and begins with a letter or digit"
    if problem["type"] == "string_type" and isinstance(value, bool | int | float):
        return f"should be text, but YAML reads this as {str(value).lower()}: write it in quotes"
    return message


def _quoted(context: dict) -> list[str]:
    return re.findall("'([^']*)'", context.get("expected_tags") or context["expected"])
