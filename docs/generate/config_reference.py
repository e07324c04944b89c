"""Write docs/config.md: every key of a config, with its type, default and meaning, from the pydantic models.

    python docs/generate/config_reference.py

The meaning of a key is the comment above its field, or behind it, in `src/latefusion/config/`.
"""

import ast
import inspect
import tokenize
import types
from collections.abc import Iterator, Mapping
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from latefusion.config import Experiment

PATH = Path(__file__).parents[1] / "config.md"
COMMAND = "python docs/generate/config_reference.py"
HEADING = f"""# Config reference

Every key of a config, its type, default and meaning. Made from the models in `src/latefusion/config/` by
`{COMMAND}`; a test compares the two. A config holds only the values that differ from the defaults. Unknown
keys are refused. Each key can be given on the command line too: `--set split.seed=2021`.
"""
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", dict: "mapping"}
BOUNDS = {"ge": "{} or more", "gt": "above {}", "le": "{} or less", "lt": "below {}"}


def main() -> None:
    """Write the file."""
    PATH.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """Return the text of the reference."""
    blocks, pending, seen = [HEADING], [("", Experiment)], set()
    while pending:
        key, model = pending.pop(0)
        blocks.append(_section(key, model, first=model not in seen))
        if model not in seen:
            seen.add(model)
            pending[:0] = [(_join(key, name), found) for name, found in _below(model)]
    return "\n".join(blocks)


def keys_of(model: type[BaseModel] = Experiment, key: str = "") -> Iterator[tuple[str, type[BaseModel], str]]:
    """Yield the path of each key with its model and its name; names that the user chooses are `<name>`."""
    for name in model.model_fields:
        yield _join(key, name), model, name
    for name, found in _below(model):
        yield from keys_of(found, _join(key, name))


@cache
def meanings(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the meaning of each field that a class defines itself, from the comments in its source."""
    source = inspect.cleandoc("\n" + inspect.getsource(model))
    comments = {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokenize.generate_tokens(StringIO(source).readline)
        if token.type == tokenize.COMMENT and "fmt:" not in token.string and "noqa" not in token.string
    }
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]  # of a class
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        above, line = [], node.lineno - 1
        while line in comments and lines[line - 1].lstrip().startswith("#"):
            above.insert(0, comments[line])
            line -= 1
        behind = [
            comments[line] for line in range(node.lineno, (node.end_lineno or node.lineno) + 1) if line in comments
        ]
        found[node.target.id] = " ".join([*above, *behind])
    return found


def meaning(model: type[BaseModel], name: str) -> str:
    """Return the meaning of a key; of a section, the first line of its model's docstring."""
    for cls in model.__mro__:
        if issubclass(cls, BaseModel) and cls is not BaseModel and (text := meanings(cls).get(name)):
            return text
    if name == "kind":
        return "which kind it is"
    sections = list(_models(model.model_fields[name].annotation))
    return (inspect.getdoc(sections[0]) or "").partition("\n")[0] if len(sections) == 1 else ""


def _section(key: str, model: type[BaseModel], *, first: bool) -> str:
    """Return the Markdown of one section."""
    title = f"`{key}`" if key else "The experiment"
    lines = [f"## {title}", "", inspect.getdoc(model) or "", ""]
    if not first:
        return "\n".join([*lines[:3], "\nThe same keys as above.\n"])
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", _type(field.annotation, field.metadata), _default(field), meaning(model, name))
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _below(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the sections below a model, with their keys."""
    for name, field in model.model_fields.items():
        found = list(_models(field.annotation))
        of_names = _is_mapping(field.annotation)
        for one in found:
            kinds = get_args(one.model_fields["kind"].annotation) if "kind" in one.model_fields else ()
            suffix = f" (kind: {' or '.join(kinds)})" if kinds and (of_names or len(found) > 1) else ""
            yield f"{name}.<name>{suffix}" if of_names else f"{name}{suffix}", one


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in a type, each once."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict and any(_models(annotation))


def _join(key: str, name: str) -> str:
    return f"{key.partition(' (')[0]}.{name}" if key else name


def _type(annotation: Any, metadata: list | tuple = ()) -> str:
    """Return a type in words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0], [*parts[1:], *metadata])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in parts))
    if origin is tuple:
        return f"list of {_type(parts[0])}" + _bounds(metadata)
    if origin is dict:
        return "mapping of names" if any(_models(annotation)) else "mapping"
    if annotation is type(None):
        return "null"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "section"
    return WORDS.get(annotation, str(annotation)) + _bounds(metadata)


def _bounds(metadata: list | tuple) -> str:
    """Return the limits of a number."""
    limits = [one for item in metadata for one in (item.metadata if isinstance(item, FieldInfo) else [item])]
    words = [
        text.format(f"{getattr(one, name):g}") for one in limits for name, text in BOUNDS.items() if hasattr(one, name)
    ]
    return f", {' and '.join(words)}" if words else ""


def _default(field: FieldInfo) -> str:
    """Return the default of a key, as a config writes it."""
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        changed = value.model_dump(mode="json", exclude_defaults=True)
        return f"`{changed}`" if changed else "its defaults"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{list(value) if isinstance(value, tuple) else value}`"


if __name__ == "__main__":
    main()
