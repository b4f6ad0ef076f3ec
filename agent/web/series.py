"""Which series a configuration speaks of."""

from __future__ import annotations

from collections.abc import Iterable

from agent.config.configuration import Configuration
from rules.conditions import compile_condition
from rules.model import Target


class SeriesNames:
    """The names of all series that a source gives or a target reads; looked up anew after a reload."""

    def __init__(self) -> None:
        self._config: Configuration | None = None
        self._names: frozenset[str] = frozenset()

    def of(self, config: Configuration) -> frozenset[str]:
        """The names in a configuration."""
        if config is not self._config:
            given = (name for source in config.sources.values() for name in source.rule.series)
            read = (name for target in config.targets.values() for name in _read_by(target))
            self._config, self._names = config, frozenset((*given, *read))
        return self._names


def _read_by(target: Target) -> Iterable[str]:
    if target.selector is not None:
        yield target.selector.name
    if target.goal is not None and target.goal.condition is not None:
        yield from (selector.name for selector in compile_condition(target.goal.condition).selectors)
