"""A configuration as plain data, with the place of every part of it, and the mistakes found so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from agent.config.errors import ConfigError, Place, dotted
from agent.config.errors import Path as KeyPath
from agent.config.nodes import place_of, says_nothing
from agent.config.variables import Variables

MOST_ERRORS = 200
"""Beyond which nothing more is looked for: nobody reads on, and each takes time to place."""


@dataclass(slots=True)
class Document:
    """The merged data of all files, and where each part of it stands. Errors gather in `errors`, at most so many."""

    folder: Path
    root: MappingNode
    variables: Variables
    files: tuple[str, ...]
    data: dict[str, Any] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)
    broken: set[KeyPath] = field(default_factory=set)  # values that were left out after a mistake was reported
    complete: bool = True  # else a file could not be read, and a name that is not here may be there

    def report(self, path: KeyPath, message: str, hint: str = "", *, at_key: bool = False, offset: int = 0) -> None:
        """Notes a mistake at a key path, `offset` characters into its value where that can be said.

        Nothing is said of what was left out already, nor of what holds it: that may be wrong only for the lack of it.
        """
        if (
            len(self.errors) >= MOST_ERRORS
            or self.is_broken(path)
            or any(path[: len(broken)] == broken for broken in self.broken)
        ):
            return
        place = self.place(path, at_key=at_key)
        node = self.node(path)
        if offset or (_is_block(node) and not at_key):
            place = _inside(node, place, offset)
        message, hint = self.variables.hide(message), self.variables.hide(hint)
        name = self.variables.betrayed_by(f"{message} {hint}", _texts_in(self.node(path)))
        if name is not None:
            message, hint = f"can't be used; its value comes from ${{{name}}} and is not shown", ""
        self.errors.append(ConfigError(place.file, place.line, place.column, dotted(path), message, hint))

    def is_broken(self, path: KeyPath) -> bool:
        """Whether something in the value at a path was left out."""
        return any(broken[: len(path)] == path for broken in self.broken)

    def node(self, path: KeyPath) -> Node | None:
        """The node of a value, None if there is no such key."""
        pairs = self._walk(path)
        return pairs[-1][1] if len(pairs) == len(path) + 1 else None

    def place(self, path: KeyPath, *, at_key: bool = False) -> Place:
        """Where a value begins, or its key; for a key that is not there, the key of what should hold it."""
        pairs = self._walk(path)
        key, value = pairs[-1]
        found = len(pairs) == len(path) + 1
        if not found:
            at_key = True
        if len(pairs) == 1:
            return Place(self.files[0] if self.files else "", *((1, 1) if self.files else ()))
        return place_of(key if at_key and key is not None else value)

    def written(self, path: KeyPath) -> str | None:
        """A scalar as the file has it, before expansion, so that showing it tells nothing of the environment."""
        node = self.node(path)
        return node.value if isinstance(node, ScalarNode) else None

    def text(self, path: KeyPath) -> str | None:
        """A scalar as text, after expansion; None if it is no scalar or says null."""
        node = self.node(path)
        if not isinstance(node, ScalarNode) or says_nothing(node):
            return None
        try:
            return self.variables.expand(node.value)
        except ValueError:
            return None

    def _walk(self, path: KeyPath) -> list[tuple[Node | None, Node]]:
        """(key, value) nodes along the path, as far as it goes; the first is the root."""
        found: list[tuple[Node | None, Node]] = [(None, self.root)]
        for part in path:
            node = found[-1][1]
            if isinstance(node, MappingNode):
                pair = next(((k, v) for k, v in node.value if k.value == part), None)
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
                pair = (None, node.value[part])
            else:
                pair = None
            if pair is None:
                break
            found.append(pair)
        return found


def _texts_in(node: Node | None) -> Iterator[str]:
    """Every scalar in a node, as written."""
    if isinstance(node, ScalarNode):
        yield node.value
    elif isinstance(node, MappingNode):
        for _, value in node.value:
            yield from _texts_in(value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _texts_in(item)


def _inside(node: Node | None, place: Place, offset: int) -> Place:
    """The place `offset` characters into a scalar, where it is written as it is: on one line, or as a block."""
    if not isinstance(node, ScalarNode) or "${" in node.value:
        return place
    if _is_block(node):
        return _in_block(node, place, offset)
    if node.start_mark.line != node.end_mark.line:
        return place
    quote = 1 if node.style in {"'", '"'} else 0
    return Place(place.file, place.line, place.column + offset + quote)


def _is_block(node: Node | None) -> bool:
    return isinstance(node, ScalarNode) and node.style in {"|", ">"}


def _in_block(node: ScalarNode, place: Place, offset: int) -> Place:
    """Marks know only where the block begins, so its lines are read again. Not where they are folded otherwise."""
    try:
        lines = Path(place.file).read_text(encoding="utf-8").splitlines()[node.start_mark.line + 1 :]
    except (OSError, UnicodeDecodeError):
        return place
    indent = len(lines[0]) - len(lines[0].lstrip(" ")) if lines else 0
    begin = 0
    for number, line in enumerate(lines, place.line + 1):
        content = line[indent:]
        is_kept = node.style == "|" or content[:1].strip()
        if not is_kept or not node.value.startswith(content, begin):
            return place
        if offset <= begin + len(content):
            return Place(place.file, number, indent + offset - begin + 1)
        begin += len(content) + 1
    return place
