"""YAML files as one tree of nodes, which know their places."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yaml import CSafeLoader, MappingNode, Node, ScalarNode, YAMLError
from yaml.reader import ReaderError

from agent.config.errors import ConfigError, ConfigErrors, Place
from agent.config.scalars import resolve

MAX_DEPTH = 60
MAX_BYTES = 10_000_000

PLAIN, TEXT, COLLECTION = "plain", "text", "collection"
SCALAR_TAGS = {f"tag:yaml.org,2002:{name}": PLAIN for name in ("int", "float", "bool", "null")}
SCALAR_TAGS |= {"tag:yaml.org,2002:str": TEXT, PLAIN: PLAIN, TEXT: TEXT}
COLLECTION_TAGS = (COLLECTION, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _TooDeepError(YAMLError):
    def __init__(self, node: Node | None) -> None:
        super().__init__()
        self.node = node


class _Composer(CSafeLoader):
    """Makes nodes that say only whether a scalar was written plain; what it means is decided after expansion."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._depth = 0

    def resolve(self, kind: type[Node], value: object, implicit: Any) -> str:
        if kind is not ScalarNode:
            return COLLECTION
        return PLAIN if implicit[0] else TEXT

    def descend_resolver(self, node: Node | None, _index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeepError(node)

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


def _problem(error: YAMLError | UnicodeDecodeError, name: str, data: bytes) -> ConfigError:
    """libyaml's complaint with its position."""
    if isinstance(error, _TooDeepError):
        place = place_of(error.node) if error.node is not None else Place(name)
        return ConfigError(*place, "", f"nests deeper than {MAX_DEPTH} levels")
    if isinstance(error, ReaderError | UnicodeDecodeError):
        at = error.start if isinstance(error, UnicodeDecodeError) else error.position
        line, column = data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)
        return ConfigError(name, line, column, "", f"is not a text in UTF-8: {error.reason}")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    context = getattr(error, "context", None)
    message = str(getattr(error, "problem", None) or "can't be read")
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    hint = "a value with [ ] { } or , in it has to stand in quotes here" if "flow" in str(context) else ""
    if mark and _is_tab(data, mark.line, mark.column):
        hint = "lines are indented with spaces, not with tabs"
    return ConfigError(name, line, column, "", "is not YAML: " + message + (f" {context}" if context else ""), hint)


def _is_tab(data: bytes, line: int, column: int) -> bool:
    lines = data.split(b"\n")
    return line < len(lines) and lines[line].decode(errors="replace")[column : column + 1] == "\t"


def compose(file: Path) -> MappingNode | None:
    """The root node of one file, None if it holds nothing. Raises ConfigErrors."""
    name = str(file)
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)  # no more of a device that never ends
    except OSError as error:
        raise ConfigErrors([ConfigError(name, 0, 0, "", f"can't be read: {error.strerror or error}")]) from None
    if len(data) > MAX_BYTES:
        raise ConfigErrors([ConfigError(name, 0, 0, "", f"is larger than {MAX_BYTES} bytes")])
    composer = _Composer(_Stream(data, name))
    try:
        node = composer.get_single_node()
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigErrors([_problem(error, name, data)]) from None
    if node is None or says_nothing(node):
        return None
    if not isinstance(node, MappingNode):
        message = "has to be a mapping of sections: sources, targets, receivers, …"
        raise ConfigErrors([ConfigError(*place_of(node), "", message)])
    return node


def files_of(path: Path) -> list[Path]:
    """The files a path means: itself, or the `*.yaml` of a directory in order of their names. Raises ConfigErrors."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix == ".yaml" and not file.name.startswith("."))
    if not found:
        raise ConfigErrors([ConfigError(str(path), 0, 0, "", "has no *.yaml file")])
    return found


def merged(roots: Sequence[MappingNode]) -> MappingNode:
    """One root of several: the maps of a section become one map; what is double is left for the converter to say."""
    sections: dict[object, tuple[Node, Node]] = {}
    double: list[tuple[Node, Node]] = []
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
    return MappingNode(COLLECTION, [*sections.values(), *double])


def _joined(before: Node, after: Node) -> Node | None:
    """Two files' maps of one section as one map; an empty section adds nothing. None if they can't be one."""
    if isinstance(before, MappingNode) and isinstance(after, MappingNode):
        return MappingNode(before.tag, [*before.value, *after.value], before.start_mark, before.end_mark)
    return after if says_nothing(before) else before if says_nothing(after) else None


def says_nothing(node: Node) -> bool:
    """Whether a node is null, written or left out."""
    return isinstance(node, ScalarNode) and node.tag == PLAIN and resolve(node.value) is None
