"""What people have to hear of an alert beside how it stands."""

from __future__ import annotations

from collections.abc import Iterable

from rules.corrections import LAPSED, line
from rules.model import Correction, Event, News, RunState, Transition

_ENDED = frozenset({RunState.VERIFIED, RunState.FAILED, RunState.ESCALATED})


def news_of(transition: Transition, runs: Iterable[Correction]) -> tuple[News, ...]:
    """The corrections of a firing that ended, or for which nobody said a word, and to whom it is escalated now."""
    ended = (run for run in runs if run.state in _ENDED or run.detail.startswith(LAPSED))
    found = {line(run): run.state is not RunState.VERIFIED for run in ended}
    more = beyond(transition.detail, found)
    if transition.event is Event.ESCALATED and transition.to and more:
        found[f"Escalated to {', '.join(transition.to)}: {more}"] = True
    return tuple(News(words, failed) for words, failed in found.items())


def beyond(detail: str, lines: Iterable[str]) -> str:
    """What a transition says beside the lines about its corrections."""
    for said in lines:
        detail = "" if detail == said else detail.removeprefix(f"{said}. ")
    return detail
