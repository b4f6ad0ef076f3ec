"""Who hears of an alert: its own `notify`, else the routing tree, walked as Alertmanager walks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.matchers import matchers_text
from rules.model import HOUR, MINUTE, SECOND, Labels, Matcher
from rules.selectors import matches

CONSOLE = "console"  # the receiver that exists without being configured
EACH = "..."  # in `group_by`: each alert by itself


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the routing tree with all it inherited. All `matchers` must hold.

    After a child with `continue_` the next is tried too. `key` names the node by its matchers and those above it, as
    Alertmanager does. Spans are microseconds. The defaults are Alertmanager's.
    """

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    continue_: bool = False
    routes: tuple[Route, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait: int = 30 * SECOND
    group_interval: int = 5 * MINUTE
    repeat_interval: int = 4 * HOUR
    mute: tuple[str, ...] = ()  # names of time intervals in which it tells nothing
    active: tuple[str, ...] = ()  # names of those outside which it tells nothing
    key: str = "{}"

    def group_labels(self, labels: Labels) -> Labels:
        """What the alerts of one group have in common."""
        if EACH in self.group_by:
            return labels
        return tuple(pair for pair in labels if pair[0] in self.group_by)


def child_key(parent: str, matchers: tuple[Matcher, ...]) -> str:
    """The `key` of a node below another."""
    return f"{parent}/{matchers_text(matchers)}"


def routes_for(route: Route, labels: Labels) -> Iterator[Route]:
    """The nodes that take an alert with these labels, in order; the first of them takes every alert that no child does.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#route
    """
    matched = False
    for child in route.routes:
        if matches(child.matchers, labels):
            yield from routes_for(child, labels)
            matched = True
            if not child.continue_:
                break
    if not matched:
        yield route
