"""What is wrong with a configuration, said so that it can be found and mended."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_ALSO_CALLED = {"average": "mean", "avg": "mean"}
Path = tuple[str | int, ...]
"""Keys and list positions from the root, for example ("targets", "room", "alerts", 0, "when")."""


class Place(NamedTuple):
    """A position in a file; line and column count from 1, 0 where there is none."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One mistake; `path` is the dotted key path, empty for a mistake in the file as a whole."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{Place(self.file, self.line, self.column)}: "
        said = where + (f"{self.path}: " if self.path else "") + self.message + (f" ({self.hint})" if self.hint else "")
        return said if said.isprintable() else "".join(map(_visible, said))


def _visible(sign: str) -> str:
    """A key may hold what moves a terminal's cursor."""
    return sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1]


class ConfigErrors(Exception):
    """Every mistake of a configuration, in the order of the files."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(sorted(set(errors), key=lambda e: (e.file, e.line, e.column, e.path, e.message)))
        super().__init__("\n".join(str(error) for error in self.errors))


def dotted(path: Path) -> str:
    """The path as people write it: `targets.room.alerts[0].when`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def near(word: str, known: Iterable[str]) -> str:
    """ "did you mean …?" where one of the known words is near, else nothing."""
    found = meant(word, known)
    return f"did you mean {found}?" if found else ""


def meant(word: str, known: Iterable[str]) -> str:
    """The known word that is near, else nothing."""
    names = list(known)
    by_fold = {name.casefold().replace("-", "_"): name for name in names}
    folded = word.casefold().replace("-", "_")
    if _ALSO_CALLED.get(folded) in names:
        return _ALSO_CALLED[folded]
    found = difflib.get_close_matches(folded, by_fold, 1, cutoff=0.6)
    return by_fold[found[0]] if found else ""


def choices(known: Iterable[str]) -> str:
    """A short list of what there is, for a message."""
    names = sorted(known)
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
