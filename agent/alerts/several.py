"""What is said of several alerts together: how many fire, of which targets, and what they have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from connectors.facts import shortened
from rules.model import Notice, NoticedAlert

MOST_ALERTS = 1_000  # named in one notice; the others are counted
_MOST_NAMES = 5
_LONGEST_NAME = 40
_NOT_OWN = frozenset({"alertname", "target", "severity"})


def headline_of(told: Sequence[NoticedAlert], firing: int, resolved: int) -> str:
    """`Room temperature: 2 of 3 alerts firing, 1 resolved: kitchen, hall`. `told` has those that fire first.

    Those that fire are named, or, where none does, those that ended; `firing` and `resolved` count all.
    """
    shown = told[:firing] or told
    titles = list(dict.fromkeys(one.title for one in told))
    names = list(dict.fromkeys(_names(shown, told)))
    listed = ", ".join(shortened(name, _LONGEST_NAME) for name in names[:_MOST_NAMES])
    more = max(firing or resolved, len(shown)) - len(shown) + max(len(names) - _MOST_NAMES, 0)
    listed += f" and {more} more" if more else ""
    about = f"{titles[0]}: " if len(titles) == 1 else ""
    return f"{about}{_counts(firing, resolved)}: {listed}"


def _counts(firing: int, resolved: int) -> str:
    if not firing:
        return f"{resolved} alerts ended"
    return f"{firing} of {firing + resolved} alerts firing" + (f", {resolved} resolved" if resolved else "")


def _names(shown: Sequence[NoticedAlert], told: Sequence[NoticedAlert]) -> Iterator[str]:
    """What tells each from the others: its target, if there are several, and the values of labels that differ."""
    shared = set(told[0].labels.items())
    for one in told[1:]:
        shared &= set(one.labels.items())
    several = any(one.title != told[0].title for one in told)
    for one in shown:
        labels = one.labels.items() if "target" in one.labels else ()  # of a source the title says all
        own = [text for name, text in labels if name not in _NOT_OWN and (name, text) not in shared]
        yield " ".join([one.title, *own]) if several else ", ".join(own) or one.labels.get("alertname", one.title)


def details_of(told: Sequence[Notice]) -> Iterator[str]:
    """The details of all: what all of them say once, the others with the name of the alert."""
    shared = [line for line in told[0].details if all(line in one.details for one in told[1:])]
    yield from shared
    for one in told:
        yield from (f"{named(one)}: {line}" for line in one.details if line not in shared)


def named(notice: Notice | NoticedAlert) -> str:
    """A few words that tell one alert of a group from the others."""
    own = [value for name, value in notice.labels.items() if name not in _NOT_OWN]
    return ", ".join(own) or notice.title


def taken_by(firing: Iterable[Notice]) -> str:
    """Who took what fires, if all of it is taken."""
    names = [notice.acknowledged_by for notice in firing]
    return ", ".join(dict.fromkeys(names)) if names and all(names) else ""
