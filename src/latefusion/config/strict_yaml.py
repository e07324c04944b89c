"""Read YAML strictly and with limits on its size.

PyYAML's safe loader runs no code, but it silently keeps the last of two equal keys, and aliases and merge keys (`<<`)
can expand a few lines to gigabytes. Here keys are text and unique, tags (`!!set`) are refused, dates are read as text,
and the length, the depth and the expanded size are limited. Each error names the line.
"""

import yaml
from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from latefusion.utils.errors import InputError

MAX_CHARACTERS = 200_000
MAX_DEPTH = 30
MAX_NODES = 100_000  # with all aliases expanded
MAX_DIGITS = 20
STRING, MERGE, TIMESTAMP, INT = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "merge", "timestamp", "int"))


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that is not allowed in a config."""

    def __init__(self, problem: str, mark: Mark):
        super().__init__(problem=problem, problem_mark=mark)


def read_yaml(text: str, origin: str) -> object:
    """Return the content of a YAML text. Raises InputError with `origin` (file or argument) and line."""
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"{origin}: more than {MAX_CHARACTERS:,} characters; is this a config?")
    loader = None
    try:
        loader = _StrictLoader(text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        problem = ", ".join(text for text in (error.context, error.problem) if text)
        mark = error.problem_mark or error.context_mark
        prefix = "" if isinstance(error, _Refused) else "not valid YAML: "
        raise InputError(f"{_at(origin, mark)}: {prefix}{problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML does not catch Python's own errors
        raise InputError(f"{_at(origin, loader and loader.get_mark())}: not valid YAML: {error}") from None


def _at(origin: str, mark: Mark | None) -> str:
    return origin if mark is None else f"{origin}, line {mark.line + 1}"


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with limits, checked while nodes are composed: before aliases are expanded."""

    def __init__(self, text: str):
        super().__init__(text)
        self._level = 0
        self._extents: dict[Node, tuple[int, int]] = {}  # (nodes, levels) of the subtree, with aliases expanded

    def compose_node(self, parent: Node | None, index: object) -> Node:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if node not in self._extents:
                raise _Refused(f"'*{event.anchor}' contains itself", event.start_mark)
            return node
        if event.tag not in (None, "!", STRING):
            raise _Refused(f"tags ({event.tag}) are not allowed in a config", event.start_mark)
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
            raise _Refused("NUL characters and unpaired surrogates are not allowed", node.start_mark)
        return node

    def compose_mapping_node(self, anchor: str | None) -> MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:  # before merge keys are expanded: their keys may be overridden
            if not isinstance(key, ScalarNode):
                raise _Refused("a list or a mapping cannot be a key", key.start_mark)
            if key.tag not in (STRING, MERGE):
                raise _Refused(
                    f"YAML does not read the key {key.value or 'null'} as text: write it in quotes",
                    key.start_mark,
                )
            if key.value in seen:
                raise _Refused(f"duplicate key '{key.value}'", key.start_mark)
            seen.add(key.value)
        return node

    def construct_yaml_int(self, node: ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:  # Python's own limit is 4,300 digits; no key needs 20
            raise _Refused(f"a number of {len(node.value)} digits is too long", node.start_mark)
        return super().construct_yaml_int(node)

    def _extent(self, node: Node) -> tuple[int, int]:
        """Return (nodes, levels) of a node's subtree."""
        children: list[Node] = []
        if isinstance(node, SequenceNode):
            children = node.value
        elif isinstance(node, MappingNode):
            children = [child for pair in node.value for child in pair]
        size = 1 + sum(self._extents[child][0] for child in children)
        depth = 1 + max((self._extents[child][1] for child in children), default=0)
        if size > MAX_NODES:
            raise _Refused(f"more than {MAX_NODES:,} values when its aliases are expanded", node.start_mark)
        if depth > MAX_DEPTH:
            raise _Refused(f"more than {MAX_DEPTH} levels deep when its aliases are expanded", node.start_mark)
        return size, depth


_StrictLoader.add_constructor(INT, _StrictLoader.construct_yaml_int)
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
