"""Nodes into plain data, with variables filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from agent.config.document import Document
from agent.config.errors import ConfigError, ConfigErrors, dotted
from agent.config.nodes import (
    COLLECTION_TAGS,
    MAX_DEPTH,
    PLAIN,
    SCALAR_TAGS,
    compose,
    files_of,
    merged,
    place_of,
)
from agent.config.scalars import resolve
from agent.config.variables import Variables

_SPARE_NODES = 100_000  # how many more values than bytes aliases may make of a file


class _Converter:
    """Mistakes are reported to the document, and what is wrong becomes None."""

    def __init__(self, document: Document, limit: int) -> None:
        self._document = document
        self._left = limit
        self._open: set[int] = set()
        self._path: list[str | int] = []
        self._texts: dict[str, str] = {}

    def value(self, node: Node) -> Any:
        self._left -= 1
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if self._left < 0 or len(self._open) > MAX_DEPTH or id(node) in self._open:
            self._at(node, "the aliases here make it too large, or nest without end")
            raise ConfigErrors(self._document.errors)
        if node.tag not in COLLECTION_TAGS:
            return self._no_meaning(node)
        self._open.add(id(node))
        self._path.append(0)
        data = self._mapping(node) if isinstance(node, MappingNode) else self._sequence(node)
        self._path.pop()
        self._open.discard(id(node))
        return data

    def _scalar(self, node: ScalarNode) -> Any:
        kind = SCALAR_TAGS.get(node.tag)
        if kind is None:
            return self._no_meaning(node)
        text = node.value
        if "${" in text:
            try:
                text = self._document.variables.expand(text)
            except ValueError as error:
                self._at(node, str(error))
                self._document.broken.add(tuple(self._path))
                return None
        return self._own(resolve(text) if kind is PLAIN else text)

    def _own(self, value: Any) -> Any:
        """A text as a copy, one for all that are alike: the few that are kept would hold the memory of all nodes."""
        if not isinstance(value, str):
            return value
        known = self._texts.get(value)
        if known is None:
            known = value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
            self._texts[known] = known
        return known

    def _sequence(self, node: Node) -> list[Any]:
        data = []
        for index, item in enumerate(node.value):
            self._path[-1] = index
            data.append(self.value(item))
        return data

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else ""
            self._path[-1] = name or "?"
            if not name:
                self._at(key, "a key has to be a text")
            elif name == "<<" and key.tag == PLAIN:
                self._at(key, "YAML 1.2 has no merge keys; write the keys out")
            elif name in first:
                self._at(key, f"is defined twice; first at {place_of(first[name])}")
            else:
                first[name] = key
                data[self._own(name)] = self.value(value)
        return data

    def _no_meaning(self, node: Node) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        self._at(node, f"the tag {tag} has no meaning here; remove it")
        self._document.broken.add(tuple(self._path))

    def _at(self, node: Node, message: str) -> None:
        file, line, column = place_of(node)
        path = dotted(tuple(self._path))
        self._document.errors.append(ConfigError(file, line, column, path, message))


def read(path: str | Path, environ: Mapping[str, str]) -> Document:
    """The data of a file or a directory; mistakes are in `errors`. Raises ConfigErrors if nothing of it can be read.

    Of a directory the files that can be read are looked at even when one can't; the document is then not `complete`.
    """
    start = Path(path)
    files = files_of(start)
    roots: list[MappingNode] = []
    errors: list[ConfigError] = []
    for file in files:
        try:
            node = compose(file)
        except ConfigErrors as problem:
            errors += problem.errors
            continue
        if node is not None:
            roots.append(node)
    if errors and not roots:
        raise ConfigErrors(errors)
    if not roots:
        raise ConfigErrors([ConfigError(str(start), 0, 0, "", "is empty; it needs at least sources and targets")])
    folder = start if start.is_dir() else start.parent
    document = Document(folder, merged(roots), Variables(environ), tuple(str(file) for file in files))
    document.errors, document.complete = errors, not errors
    limit = _SPARE_NODES + sum(root.end_mark.index - root.start_mark.index for root in roots)
    document.data = _Converter(document, limit).value(document.root)
    return document
