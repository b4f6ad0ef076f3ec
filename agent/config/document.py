"""YAML files as plain data, with the place of every key kept in the nodes they were read from."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml import CSafeLoader, MappingNode, Node, ScalarNode, SequenceNode, YAMLError
from yaml.reader import ReaderError

from agent.config.errors import ConfigError, ConfigErrors, Place, dotted
from agent.config.errors import Path as KeyPath
from agent.config.scalars import resolve
from agent.config.variables import Variables

MAX_DEPTH = 60
MAX_BYTES = 64 * 1024 * 1024
_SPARE_NODES = 100_000  # how many more values than bytes aliases may make of a file

_PLAIN, _TEXT, _COLLECTION = "plain", "text", "collection"
_TAGS = {f"tag:yaml.org,2002:{name}": _PLAIN for name in ("int", "float", "bool", "null")}
_TAGS |= {"tag:yaml.org,2002:str": _TEXT, _PLAIN: _PLAIN, _TEXT: _TEXT}
_COLLECTION_TAGS = (_COLLECTION, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _TooDeepError(YAMLError):
    pass


class _Composer(CSafeLoader):
    """Makes nodes that say only whether a scalar was written plain; what it means is decided after expansion."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._depth = 0

    def resolve(self, kind: type[Node], value: object, implicit: Any) -> str:
        if kind is not ScalarNode:
            return _COLLECTION
        return _PLAIN if implicit[0] else _TEXT

    def descend_resolver(self, _node: Node | None, _index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeepError

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Stream(io.BytesIO):
    """Bytes with the name of their file, which libyaml puts into every mark."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def place_of(node: Node) -> Place:
    """Where a node begins."""
    mark = node.start_mark
    return Place(mark.name, mark.line + 1, mark.column + 1)


@dataclass(slots=True)
class Document:
    """The merged data of all files, and where each part of it stands. Errors gather in `errors`."""

    folder: Path
    root: MappingNode
    variables: Variables
    files: tuple[str, ...]
    data: dict[str, Any] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)

    def report(self, path: KeyPath, message: str, hint: str = "", *, at_key: bool = False, offset: int = 0) -> None:
        """Notes a mistake at a key path, `offset` characters into its value where that can be said."""
        place = self.place(path, at_key=at_key)
        if offset:
            place = _inside(self.node(path), place, offset)
        hide = self.variables.hide
        self.errors.append(ConfigError(place.file, place.line, place.column, dotted(path), hide(message), hide(hint)))

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
        if not isinstance(node, ScalarNode) or _says_nothing(node):
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


class _Converter:
    """Turns nodes into plain data, filling in variables; mistakes are reported and become None."""

    def __init__(self, document: Document, limit: int) -> None:
        self._document = document
        self._left = limit
        self._open: set[int] = set()

    def value(self, node: Node, path: KeyPath) -> Any:
        self._left -= 1
        if self._left < 0 or len(self._open) > MAX_DEPTH or id(node) in self._open:
            message = "the aliases here make it too large, or nest without end"
            raise ConfigErrors([*self._document.errors, ConfigError(*place_of(node), dotted(path), message)])
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if node.tag not in _COLLECTION_TAGS:
            self._document.report(path, f"the tag {_short(node.tag)} has no meaning here; remove it")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        kind = _TAGS.get(node.tag)
        if kind is None:
            self._document.report(path, f"the tag {_short(node.tag)} has no meaning here; remove it")
            return None
        text = node.value
        if "${" in text:
            try:
                text = self._document.variables.expand(text)
            except ValueError as error:
                self._document.report(path, str(error))
                return None
        return resolve(text) if kind is _PLAIN else text

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not key.value:
                self._at(key, path, "a key has to be a text")
                continue
            name = key.value
            if name in first:
                self._at(key, (*path, name), f"is defined twice; first at {place_of(first[name])}")
                continue
            first[name] = key
            data[name] = self.value(value, (*path, name))
        return data

    def _at(self, node: Node, path: KeyPath, message: str) -> None:
        file, line, column = place_of(node)
        self._document.errors.append(ConfigError(file, line, column, dotted(path), message))


def _inside(node: Node | None, place: Place, offset: int) -> Place:
    """The place `offset` characters into a scalar, where it is written on one line and as it is."""
    if not isinstance(node, ScalarNode) or "${" in node.value or node.start_mark.line != node.end_mark.line:
        return place
    quote = 1 if node.style in {"'", '"'} else 0
    return Place(place.file, place.line, place.column + offset + quote)


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _problem(error: YAMLError, name: str) -> ConfigError:
    """libyaml's complaint with its position."""
    if isinstance(error, _TooDeepError):
        return ConfigError(name, 0, 0, "", f"nests deeper than {MAX_DEPTH} levels")
    if isinstance(error, ReaderError):
        return ConfigError(name, 0, 0, "", f"is not a text in UTF-8: {error.reason}")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    context = getattr(error, "context", None)
    message = str(getattr(error, "problem", None) or "can't be read")
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return ConfigError(name, line, column, "", "is not YAML: " + message + (f" ({context})" if context else ""))


def _compose(file: Path) -> MappingNode | None:
    """The root node of one file, None if it holds nothing. Raises ConfigErrors."""
    name = str(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigErrors([ConfigError(name, 0, 0, "", f"can't be read: {error.strerror or error}")]) from None
    if len(data) > MAX_BYTES:
        raise ConfigErrors([ConfigError(name, 0, 0, "", f"is larger than {MAX_BYTES} bytes")])
    composer = _Composer(_Stream(data, name))
    try:
        node = composer.get_single_node()
    except (YAMLError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise ConfigErrors([ConfigError(name, 0, 0, "", "is not a text in UTF-8")]) from None
        raise ConfigErrors([_problem(error, name)]) from None
    if node is None or _says_nothing(node):
        return None
    if not isinstance(node, MappingNode):
        message = "has to be a mapping of sections: sources, targets, receivers, …"
        raise ConfigErrors([ConfigError(*place_of(node), "", message)])
    return node


def _files(path: Path) -> list[Path]:
    """The files a path means: itself, or the `*.yaml` of a directory in order of their names. Raises ConfigErrors."""
    if not path.is_dir():
        return [path]
    found = sorted(
        file for file in path.iterdir() if file.suffix in {".yaml", ".yml"} and not file.name.startswith(".")
    )
    if not found:
        raise ConfigErrors([ConfigError(str(path), 0, 0, "", "has no *.yaml file")])
    return found


def _merged(roots: Iterable[MappingNode]) -> MappingNode:
    """One root of several: the maps of a section become one map; what is double is left for the converter to say."""
    sections: dict[object, tuple[Node, Node]] = {}
    double: list[tuple[Node, Node]] = []
    roots = list(roots)
    if len(roots) == 1:
        return roots[0]
    for root in roots:
        own: set[object] = set()  # a section twice in one file is a mistake, in two files it is not
        for key, value in root.value:
            name = key.value if isinstance(key, ScalarNode) else id(key)
            before = sections.get(name)
            joined = _joined(before[1], value) if before and name not in own else None
            if before and joined is None:
                double.append((key, value))
            else:
                sections[name] = (before[0] if before else key, joined or value)
                own.add(name)
    return MappingNode(_COLLECTION, [*sections.values(), *double])


def _joined(before: Node, after: Node) -> Node | None:
    """Two files' maps of one section as one map; an empty section adds nothing. None if they can't be one."""
    if isinstance(before, MappingNode) and isinstance(after, MappingNode):
        return MappingNode(before.tag, [*before.value, *after.value], before.start_mark, before.end_mark)
    return after if _says_nothing(before) else before if _says_nothing(after) else None


def _says_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == _PLAIN and resolve(node.value) is None


def read(path: str | Path, environ: Mapping[str, str]) -> Document:
    """The data of a file or a directory. Raises ConfigErrors where it is no YAML; other mistakes are in `errors`."""
    start = Path(path)
    files = _files(start)
    roots: list[MappingNode] = []
    errors: list[ConfigError] = []
    size = 0
    for file in files:
        try:
            node = _compose(file)
        except ConfigErrors as problem:
            errors += problem.errors
            continue
        if node is not None:
            roots.append(node)
            size += node.end_mark.index - node.start_mark.index
    if errors:
        raise ConfigErrors(errors)
    if not roots:
        raise ConfigErrors([ConfigError(str(start), 0, 0, "", "is empty; it needs at least sources and targets")])
    folder = start if start.is_dir() else start.parent
    document = Document(folder, _merged(roots), Variables(environ), tuple(str(file) for file in files))
    document.data = _Converter(document, _SPARE_NODES + size).value(document.root, ())
    return document
