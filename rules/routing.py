"""Who hears of an alert: its own `notify`, else the routing tree, as Alertmanager walks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.model import Labels, Matcher
from rules.selectors import matches

CONSOLE = "console"  # the receiver that exists without being configured


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the routing tree. All `matchers` must hold; after a child with `continue_` the next is tried too."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    continue_: bool = False
    routes: tuple[Route, ...] = ()


def receivers_for(notify: tuple[str, ...], route: Route | None, labels: Labels) -> tuple[str, ...]:
    """The receivers of an alert with these labels, each once; the console where nothing is configured."""
    if notify:
        return tuple(dict.fromkeys(notify))
    if route is None:
        return (CONSOLE,)
    return tuple(dict.fromkeys(_walk(route, labels)))


def _walk(route: Route, labels: Labels) -> Iterator[str]:
    matched = False
    for child in route.routes:
        if matches(child.matchers, labels):
            yield from _walk(child, labels)
            matched = True
            if not child.continue_:
                break
    if not matched:
        yield route.receiver
