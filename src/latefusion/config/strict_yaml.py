"""Read YAML strictly and within bounds.

PyYAML's safe loader runs no code, but it keeps the last of two equal keys in silence, and aliases and merge keys
(`<<`) can unfold a few lines into gigabytes. Here a key is a word that is there once, tags (`!!set`) are refused, dates
stay the words they are, and length, depth, and size with everything unfolded are bounded. Each refusal names the line.
"""

import yaml
from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from latefusion.utils.errors import InputError

MAX_CHARACTERS = 200_000
MAX_DEPTH = 30
MAX_NODES = 100_000  # with every alias unfolded
MAX_DIGITS = 20
STRING, MERGE, TIMESTAMP, INT = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "merge", "timestamp", "int"))


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML, but not what a config may hold."""

    def __init__(self, problem: str, mark: Mark):
        super().__init__(problem=problem, problem_mark=mark)


def read_yaml(text: str, origin: str) -> object:
    """Return what a YAML text holds. Raises InputError with `origin` (file or argument) and line."""
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"{origin}: has more than {MAX_CHARACTERS:,} characters; is this a config?")
    loader = None
    try:
        loader = _StrictLoader(text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        mark = error.problem_mark or error.context_mark
        prefix = "" if isinstance(error, _Refused) else "not valid YAML: "
        raise InputError(f"{_at(origin, mark)}: {prefix}{problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML lets Python's own errors through
        raise InputError(f"{_at(origin, loader and loader.get_mark())}: not valid YAML: {error}") from None


def _at(origin: str, mark: Mark | None) -> str:
    return origin if mark is None else f"{origin}, line {mark.line + 1}"


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with bounds: they hold while nodes are composed, before any is unfolded or recursed into."""

    def __init__(self, text: str):
        super().__init__(text)
        self._level = 0
        self._extents: dict[Node, tuple[int, int]] = {}  # nodes and levels below and with it, aliases unfolded

    def compose_node(self, parent: Node | None, index: object) -> Node:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if node not in self._extents:
                raise _Refused(f"'*{event.anchor}' is part of itself", event.start_mark)
            return node
        if event.tag not in (None, "!", STRING):
            raise _Refused(f"a tag ({event.tag}) has no place in a config", event.start_mark)
        if self._level == MAX_DEPTH:
            raise _Refused(f"nested more than {MAX_DEPTH} levels deep", event.start_mark)
        self._level += 1
        node = super().compose_node(parent, index)
        self._level -= 1
        self._extents[node] = self._extent(node)
        return node

    def compose_scalar_node(self, anchor: str | None) -> ScalarNode:
        node = super().compose_scalar_node(anchor)
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in node.value):
            raise _Refused("a NUL or half a surrogate pair is no text", node.start_mark)
        return node

    def compose_mapping_node(self, anchor: str | None) -> MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:  # before merge keys are flattened: what they bring may be overridden
            if not isinstance(key, ScalarNode):
                raise _Refused("a list or a mapping cannot be a key", key.start_mark)
            if key.tag not in (STRING, MERGE):
                raise _Refused(
                    f"YAML reads the key {key.value or 'null'} as another thing than a word: write it in quotes",
                    key.start_mark,
                )
            if key.value in seen:
                raise _Refused(f"duplicate key '{key.value}'", key.start_mark)
            seen.add(key.value)
        return node

    def construct_yaml_int(self, node: ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:  # Python refuses more than 4,300 digits, nothing here needs as many as 20
            raise _Refused(f"a number of {len(node.value)} digits is too long", node.start_mark)
        return super().construct_yaml_int(node)

    def _extent(self, node: Node) -> tuple[int, int]:
        below: list[Node] = []
        if isinstance(node, SequenceNode):
            below = node.value
        elif isinstance(node, MappingNode):
            below = [part for pair in node.value for part in pair]
        size = 1 + sum(self._extents[part][0] for part in below)
        depth = 1 + max((self._extents[part][1] for part in below), default=0)
        if size > MAX_NODES:
            raise _Refused(f"with its aliases unfolded this is more than {MAX_NODES:,} values", node.start_mark)
        if depth > MAX_DEPTH:
            raise _Refused(f"with its aliases unfolded this is more than {MAX_DEPTH} levels deep", node.start_mark)
        return size, depth


_StrictLoader.add_constructor(INT, _StrictLoader.construct_yaml_int)
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
