"""What `depends_on` names: targets or sources that exist, and never a target that depends on itself in turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.config.document import Document
from agent.config.kinds import reference
from rules.model import Target


def check_dependencies(targets: Mapping[str, Target], sources: Iterable[str], document: Document) -> None:
    """Reports names that don't exist, and cycles, each once."""
    known = frozenset((*targets, *sources))
    for target in targets.values():
        path = ("targets", target.name, "depends_on")
        for index, name in enumerate(target.depends_on):
            at = (*path, index)
            reference(at if document.node(at) is not None else path, name, known, "target or source", document)
    said: set[frozenset[str]] = set()
    for name in targets:
        cycle = _cycle(name, targets)
        if cycle and frozenset(cycle) not in said:
            said.add(frozenset(cycle))
            document.report(("targets", name, "depends_on"), f"depends on itself: {' -> '.join((*cycle, name))}")


def _cycle(start: str, targets: Mapping[str, Target]) -> tuple[str, ...]:
    """The way from a target back to itself, empty if there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        target = targets.get(way[-1])
        for name in target.depends_on if target else ():
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()
