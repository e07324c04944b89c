"""Read an experiment's YAML page, apply `--set key=value` overrides, and say plainly what is wrong with it."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from latefusion.config.experiment import Experiment
from latefusion.errors import InputError

DEFAULT_PAGE = Path(__file__).parents[3] / "configs" / "sample.yaml"


def load_experiment(path: Path = DEFAULT_PAGE, overrides: list[str] = ()) -> Experiment:
    """Return the experiment of a page; its name is the file's unless the page gives one."""
    page = _read_yaml(path)
    page.setdefault("name", path.stem)
    for override in overrides:
        _apply_override(page, override)
    try:
        return Experiment.model_validate(page)
    except ValidationError as error:
        problems = "\n".join(f"  {_describe(problem, page)}" for problem in error.errors())
        raise InputError(f"{path}: the experiment does not stand:\n{problems}") from None


class _StrictLoader(yaml.SafeLoader):
    """YAML silently keeps the last of two equal keys; two experts of one name are a mistake."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:  # before merge keys (<<) are flattened: what they bring may be overridden
            if key_node.value in seen:
                message = f"the key '{key_node.value}' stands twice"
                raise yaml.constructor.ConstructorError(None, None, message, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict:
    try:
        page = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except OSError as error:
        raise InputError(f"{path}: cannot read the experiment: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the experiment is not UTF-8: {error}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(page, dict):
        raise InputError(f"{path}: an experiment is a page of keys and values; see configs/catalogue.yaml")
    return page


def _apply_override(page: dict, override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise InputError(f"--set {override}: write key=value, for example --set catalogue.root=data/mine")
    *parents, last = key.split(".")
    section = page
    for parent in parents:
        below = section.get(parent, {})
        if not isinstance(below, dict):
            raise InputError(f"--set {override}: '{parent}' is a value, it has no keys below it")
        section[parent] = dict(below)  # a copy: sections that YAML anchors share are one object
        section = section[parent]
    try:
        section[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: the value is not valid YAML") from None


def _describe(problem: dict, page: dict) -> str:
    """Write one problem as `experts.camembert.train.lr: ...`, without pydantic's own tags in the path."""
    keys, here = [], page
    for part in problem["loc"]:
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif part == problem["loc"][-1] and problem["type"] == "missing":
            here = None
        else:
            continue  # the tag of a union: it stands in no page
        keys.append(str(part))
    if problem["type"] == "unknown_key":
        keys.append(problem["ctx"]["key"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "union_tag_not_found":  # pydantic speaks of tags and discriminators
        message = f"the key {problem['ctx']['discriminator']} is missing"
    return f"{'.'.join(keys)}: {message}" if keys else message
