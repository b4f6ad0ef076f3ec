"""Names as people write them: exact ones for acting, near ones for looking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from agent.runtime import Runtime
from rules.model import Series

_NEAR = 0.6  # as difflib measures it, and as the configuration's own "did you mean"
_MOST = 3
_LOOKED_AT = 2_000  # names, as comparing is slow


class Named(NamedTuple):
    """Something that has a name: `kind` is target, source, alert or action. `value` is a label's, of instances."""

    kind: str
    name: str
    value: str = ""

    @property
    def shown(self) -> str:
        """As it may be written."""
        return f"{self.name} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class Found:
    """What a name means: one thing, or the near ones. `exact` is False if it was only near."""

    named: Named | None
    exact: bool = True
    near: tuple[str, ...] = ()


def folded(text: str) -> str:
    """A name without what people get wrong: capitals, dashes for spaces, spaces around it."""
    return " ".join(text.casefold().replace("-", " ").replace("_", " ").split())


def things(runtime: Runtime) -> Mapping[str, Named]:
    """Everything that can be looked at, by its folded name; targets come before what is named like one."""
    found: dict[str, Named] = {}
    for text, named in _things(runtime):
        found.setdefault(folded(text), named)
    return found


def _things(runtime: Runtime) -> Iterator[tuple[str, Named]]:
    config = runtime.config
    for name in config.targets:
        yield name, Named("target", name)
    for target in config.targets.values():
        yield target.title, Named("target", target.name)
    for name in config.sources:
        yield name, Named("source", name)
    for one in runtime.alerts():
        of = Named("target", one.key.target) if one.key.target else Named("source", one.labels.get("source", ""))
        yield one.fingerprint, of
        yield one.name, of
    for target in config.targets.values():
        for rule in target.alerts:
            yield rule.name, Named("target", target.name)
    yield from _instances(runtime)


def _instances(runtime: Runtime) -> Iterator[tuple[str, Named]]:
    """Instances as they are written, by their target with a label's value, and by the value alone where no other
    target has it. Of what a person types the quotes are taken off."""
    for key in runtime.instances():
        if len(key.labels) == 1:
            yield str(Series(*key)).replace('"', ""), Named("target", key.target, key.labels[0][1])
    values = dict.fromkeys((key.target, value) for key in runtime.instances() for _, value in key.labels if value)
    targets = Counter(value for _, value in values)
    for target, value in values:
        yield f"{target} {value}", Named("target", target, value)
        if targets[value] == 1:
            yield value, Named("target", target, value)


def find(text: str, known: Mapping[str, Named]) -> Found:
    """What a name means for looking: exactly, else the only one that is near, else the near ones."""
    wanted = folded(text)
    if wanted in known:
        return Found(known[wanted])
    within = [name for name in known if wanted and wanted in name]
    close = get_close_matches(wanted, islice(known, _LOOKED_AT), _MOST, _NEAR)
    near = list(dict.fromkeys(known[name] for name in (*close, *within)))
    only = len(near) == 1 or ([one.kind for one in near].count("target") == 1 and near[0].kind == "target")
    if only:  # of what is near, a target is meant first
        return Found(near[0], exact=False)
    return Found(None, near=tuple(one.shown for one in near[:_MOST]))


def exact(text: str, known: Iterable[str]) -> str | None:
    """The name that is meant, but for capitals; for acting nothing else will do."""
    names = list(known)
    if text in names:
        return text
    same = [name for name in names if name.casefold() == text.casefold()]
    return same[0] if len(same) == 1 else None


def near(text: str, known: Iterable[str]) -> str | None:
    """The nearest name, to be offered."""
    by_fold = {folded(name): name for name in known if name}
    wanted = folded(text)
    close = get_close_matches(wanted, by_fold, 1, _NEAR) or [name for name in by_fold if wanted and wanted in name]
    return by_fold[close[0]] if close else None
