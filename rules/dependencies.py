"""`depends_on`: while what a target depends on is off target, its own alerts are held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rules import alerts
from rules.model import Health, InstanceKey, InstanceState, SourceState, Standing
from rules.specs import Specs

_OFF = frozenset({Standing.MISSED, Standing.BEHIND, Standing.OUT_OF_BAND})
Names = tuple[str, ...]


class Dependencies:
    """Which of the targets and sources that others depend on are off: asking costs the same however many are."""

    def __init__(self, specs: Specs) -> None:
        self._specs = specs
        self._of = {name: tuple(_closure(name, specs)) for name in specs.targets if specs.targets[name].depends_on}
        self._watched = {name for names in self._of.values() for name in names}
        self._watched |= {source for name in self._watched & specs.targets.keys() for source in specs.sources_of(name)}
        self._down: set[str] = set()
        self._off: dict[tuple[str, Names], dict[Names, dict[InstanceKey, None]]] = {}
        for name, needed in self._of.items():
            for other in needed:
                if other in specs.targets:
                    self._off.setdefault((other, self._shared(name, other)), {})
        self._by: dict[str, list[Names]] = {}
        for other, shared in self._off:
            self._by.setdefault(other, []).append(shared)

    def _shared(self, name: str, other: str) -> Names:
        """The labels that both targets are split by: only instances with the same values depend on each other."""
        return tuple(sorted(set(self._specs.targets[name].by) & set(self._specs.targets[other].by)))

    def note(self, instances: Iterable[InstanceState], sources: Iterable[SourceState]) -> list[str]:
        """Takes in how things stand; returns the targets and sources that came back, in whole or in part."""
        if not self._watched:
            return []
        back: list[str] = []
        for state in instances:
            target = state.key.target
            back += [target for shared in self._by.get(target, ()) if self._note_instance(state, shared)]
        for source in sources:
            if source.name not in self._watched:
                continue
            if source.health is Health.DOWN:
                self._down.add(source.name)
            elif source.name in self._down:
                self._down.discard(source.name)
                back += [source.name, *(name for name in self._specs.targets_of(source.name) if name in self._by)]
        return list(dict.fromkeys(back))

    def _note_instance(self, state: InstanceState, shared: Names) -> bool:
        off = state.assessment.standing in _OFF or any(map(alerts.is_open, state.alerts.values()))
        by_value = self._off[state.key.target, shared]
        value = _values(state.key, shared)
        if off:
            by_value.setdefault(value, {})[state.key] = None
            return False
        if state.key not in by_value.get(value, ()):
            return False
        del by_value[value][state.key]
        if not by_value[value]:
            del by_value[value]
        return True

    def off(self, key: InstanceKey) -> str | None:
        """The first target or source that the instance depends on and that is off."""
        for name in self._of.get(key.target, ()):
            if name in self._down:
                return name
            if name not in self._specs.targets:
                continue
            shared = self._shared(key.target, name)
            if self._off[name, shared].get(_values(key, shared)):
                return name
            if not self._down.isdisjoint(self._specs.sources_of(name)):
                return name
        return None


def _values(key: InstanceKey, shared: Names) -> Names:
    values: Mapping[str, str] = dict(key.labels)
    return tuple(values.get(name, "") for name in shared)


def _closure(name: str, specs: Specs) -> Iterator[str]:
    """What a target depends on, directly or not; the nearest first."""
    seen = {name}
    ways = [name]
    while ways:
        target = specs.targets.get(ways.pop(0))
        for other in target.depends_on if target else ():
            if other not in seen:
                seen.add(other)
                ways.append(other)
                yield other
