"""What is remembered of a Slack message between two sendings, and what its thread is told.

A reference is JSON: channel and ts of the message; `place`, the channel as it was configured; `starts_at`, the firing
(or the group's episode) it shows; `status`, as it shows it; `fired`, its numbers; `file`, its chart; `beneath`, how the
alert stood whose chart went into the thread instead; `posted`, when; `first` and `firings`, since when and how often it
fired; `severity`, the gravest that was told; `told`, digests of the news that were; `answered`, the sendings that were
answered for; `left`, the message of an earlier firing that never said that it was over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import Sending
from connectors.facts import heading, listed, local, mark, plain, shortened, span
from connectors.slack_message import firing, message, when_fired
from connectors.slack_text import escape, section
from rules.model import HOUR, News, Notice, Reason

Reference = dict[str, Any]

_GRAVITY = {"critical": 0, "error": 1, "warning": 2, "info": 3}
_BEGINS = frozenset({Reason.FIRING, Reason.FLAPPING, Reason.ESCALATED, Reason.RAISED})  # may be the first of a firing
_LOUD = frozenset({Reason.ESCALATED, Reason.RAISED, Reason.REMINDER, Reason.UNDELIVERABLE})
_REMEMBERED = 30  # news, and sendings
_MOST_WORDS = 2_500
_MOST_NEW = 20  # lines
_LIVES = HOUR  # a message that was posted less than this ago is also the next firing's


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said in the thread. `loud`: the channel sees it too, because somebody has to act."""

    arguments: Mapping[str, Any]
    loud: bool


def known(sending: Sending, place: str) -> Reference | None:
    """The message to edit, as it is remembered for this firing; None if the notice gets a message of its own.

    An alert that fires again within an hour after its message was posted goes on in that message, if the receiver
    still has its `place`. Both times are stored, so that a sending that is tried again decides the same.
    """
    notice = sending.notice
    if _is_same_firing(sending):
        return dict(sending.thread or {})
    earlier = dict(sending.earlier or sending.thread or {})
    if not earlier.get("ts") or "posted" not in earlier or notice.at - earlier["posted"] >= _LIVES:
        return None
    if earlier.get("place") != place:
        return None
    firings = earlier.get("firings", 1) + _firings(notice)
    again = {"starts_at": notice.episode, "fired": None, "told": [], "firings": firings}
    return {**earlier, **again}


def _is_same_firing(sending: Sending) -> bool:
    thread, notice = sending.thread or {}, sending.notice
    begins = notice.reason in _BEGINS or notice.unsaid
    same = thread.get("starts_at") == notice.episode or not begins
    return bool(thread.get("ts")) and same


def _firings(notice: Notice) -> int:
    """How many firings a notice is the first to tell of."""
    return notice.unsaid + (1 if notice.reason in _BEGINS or not notice.unsaid else 0)


def posted(sending: Sending, before: Mapping[str, Any], place: str, now: int) -> Reference:
    """The reference of a message that is about to be posted, which tells all there is."""
    notice = sending.notice
    return {
        "place": place,
        "starts_at": before.get("starts_at", notice.episode),
        "status": notice.status,
        "fired": kept_firing(notice, before),
        "posted": now,
        "first": before.get("first", notice.unsaid_since or notice.starts_at),
        "firings": before.get("firings", _firings(notice)),
        "severity": notice.severity,
        "told": [_digest(news) for news in notice.news][-_REMEMBERED:],
        "answered": [_name(sending)],
        **({"left": left} if (left := _left(sending, before)) else {}),
    }


def _left(sending: Sending, before: Mapping[str, Any]) -> Reference | None:
    """The earlier firing's message, if it still says that it fires: its end was not told while Slack was away."""
    earlier = sending.earlier or sending.thread or {}
    if before or not earlier.get("ts") or earlier.get("status") != "firing":
        return None
    return {name: earlier.get(name) for name in ("channel", "ts", "fired")}


def replaced(link: str, fired: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What stands in the place of a message that is not edited any more; `link` leads to the one that is."""
    where = f"<{escape(link, 1_000)}|a newer one>" if link else "a newer one"
    text = f"This message was replaced by {where} and is not kept up to date."
    return {"text": text, "blocks": [section(text), *([section(when_fired(fired))] if fired else ())]}


def kept_firing(notice: Notice, before: Mapping[str, Any]) -> Any:
    """What stays visible of the firing when it is over."""
    if before.get("fired"):
        return before["fired"]
    if notice.fired is None:
        return firing(notice) if notice.status == "firing" else None
    headline, values = notice.fired.headline, notice.fired.values
    return firing(
        replace(notice, reason=Reason.FIRING, status="firing", ends_at=None, headline=headline, values=values)
    )


def standing(notice: Notice) -> str:
    """The alert as its chart shows it: the firing, and whether it is over."""
    return f"{notice.episode}:{notice.status}"


def again(notice: Notice, thread: Mapping[str, Any]) -> str:
    """`Fired again: 3rd time since 14:02`, or nothing."""
    times = thread.get("firings", 1)
    if times < 2:
        return ""
    return f"Fired again: {_ordinal(times)} time since {local(thread['first'], notice.zone):%H:%M}"


def answer(sending: Sending, before: Mapping[str, Any]) -> tuple[Answer | None, Reference]:
    """What the thread has to be told, if anything, and what is remembered then. `before` is the reference so far."""
    notice = sending.notice
    answered = before.get("answered", [])
    if _name(sending) in answered:
        return None, dict(before)
    fresh = [news for news in notice.news if _digest(news) not in before.get("told", [])]
    after = {
        **before,
        "severity": min(before.get("severity", notice.severity), notice.severity, key=_gravity),
        "told": [*before.get("told", []), *map(_digest, fresh)][-_REMEMBERED:],
        "answered": [*answered, _name(sending)][-_REMEMBERED:],
    }
    lines = [*_missed(notice), *_news(fresh)]
    if _is_loud(sending, before):
        joined = _joined(notice, lines) if notice.reason is Reason.FIRING else None
        return Answer(joined or message(notice), loud=True), after
    if notice.reason is Reason.RESOLVED and notice.status == "resolved" and _lasted(notice) >= HOUR:
        lines.insert(0, f"{mark(notice)} {heading(notice)} (after {span(_lasted(notice))})")
    if lines:
        return Answer(_words(lines), loud=any(news.failed for news in fresh)), after
    return None, after


def _digest(news: News) -> str:
    return hashlib.sha256(news.words.encode()).hexdigest()[:16]


def _name(sending: Sending) -> str:
    return f"{sending.key}:{sending.notice.reason}"


def _is_loud(sending: Sending, before: Mapping[str, Any]) -> bool:
    """Escalated, graver, a reminder, another alert of the group, or a receiver that could not be told."""
    notice = sending.notice
    if notice.reason in _LOUD:
        return True
    if notice.reason is not Reason.FIRING:
        return False
    joined = bool(notice.group) and _is_same_firing(sending)
    return joined or _gravity(notice.severity) < _gravity(before.get("severity", notice.severity))


def _gravity(severity: str) -> int:
    return _GRAVITY.get(severity, len(_GRAVITY))


def _lasted(notice: Notice) -> int:
    return (notice.at if notice.ends_at is None else notice.ends_at) - notice.starts_at


def _joined(notice: Notice, more: Sequence[str]) -> dict[str, Any] | None:
    """Those alerts of several that are new, else those that were muted till now, only them, and then `more`; None where
    none is or all are.
    """
    firing = [one for one in notice.every if one.status == "firing"]
    fresh = [one for one in firing if one.fresh]
    said = fresh or [one for one in firing if one.again]
    if not notice.group or not said or len(said) == len(firing):
        return None
    about = shortened(plain(said[0].headline), 300)
    about += f" and {len(said) - 1} more" if len(said) > 1 else ""
    only = replace(notice, alerts=tuple(said), firing=len(said), resolved=0)
    lines = listed(only, _MOST_NEW) or [f"{mark(notice)} {plain(said[0].headline)}"]
    many, all_ = "One" if len(said) == 1 else str(len(said)), max(notice.firing, len(firing))
    count = f"{many} {'more' if fresh else 'no longer muted'}: {all_} alerts fire now"
    words = "New" if fresh else "No longer muted"
    return {**_words([count, *lines, *more]), "text": escape(f"{mark(notice)} {words}: {about}", 1_000)}


def _missed(notice: Notice) -> list[str]:
    """Those alerts of several that fired and ended before it was said, which the next edit names no more."""
    ended = [one for one in notice.every if one.status == "resolved" and one.fresh]
    if not notice.group or not ended or len(notice.every) < 2:
        return []
    shown = [f"✅ {plain(one.headline)}" for one in ended[:_MOST_NEW]]
    more = [f"and {len(ended) - len(shown)} more"] if len(ended) > len(shown) else []
    return ["Fired and ended before it could be said:", *shown, *more]


def _news(fresh: Sequence[News]) -> list[str]:
    return [f"{'⚠️' if news.failed else '✔️'} {plain(news.words)}" for news in fresh]


def _words(lines: Sequence[str]) -> dict[str, Any]:
    text = escape("\n".join(lines), _MOST_WORDS)
    return {"text": text, "blocks": [section(text)]}


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
