"""What a run with kills shows that one without them does not, in words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby, pairwise
from typing import Any

from agent.acts import Act
from agent.sending.envelopes import idempotency_key
from agent.store.records import Delivery, DeliveryState
from rules.model import Correction, Transition
from rules.periods import EPOCH
from rules.routing import CONSOLE
from tests.crash.courses import STEP
from tests.crash.play import Played
from tests.crash.scenario import BEAT, FALLBACK
from tests.crash.world import Arrival

MOST = 12  # lines that are shown
FALLBACKS = (FALLBACK, CONSOLE)  # who hears of what a receiver could not be told


def differences(whole: Played, killed: Played) -> list[str]:
    """Each in a line; none if the kills changed nothing but that some messages came twice, as they may."""
    return [
        *_compared("alert", _by_alert(whole.transitions), _by_alert(killed.transitions)),
        *_repeated("transition", (one.id for one in killed.transitions)),
        *_compared("correction", _by_run(whole.corrections), _by_run(killed.corrections)),
        *_compared("delivery", _by_lane(whole.deliveries), _by_lane(killed.deliveries)),
        *_compared("acts of", _by_person(whole.acts), _by_person(killed.acts)),
        *_repeated("act", (f"{_time(one.at)} {one.act} {one.subject} {one.note}" for one in killed.acts)),
        *_shown(whole, killed),
        *_compared("told", _told(whole), _told(killed)),
        *_compared("Slack", _in_slack(whole, killed), _in_slack(killed, whole)),
        *_posts(killed),
        *_arrivals(killed),
        *_beats(killed),
    ]


_PORT = re.compile(r"127\.0\.0\.1:\d+")


def _compared(what: str, whole: Mapping[str, Sequence[str]], killed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name in sorted(whole.keys() | killed.keys()):
        one, other = whole.get(name, ()), killed.get(name, ())
        if list(one) == list(other):
            continue
        place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        lines = [f"{what} {name}: differs from place {place} on", *(f"    both   {said}" for said in one[:place][-2:])]
        lines += [f"    whole  {said}" for said in one[place : place + 3]]
        lines += [f"    killed {said}" for said in other[place : place + 3]]
        yield "\n".join(lines)


def _by_alert(transitions: Iterable[Transition]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in transitions:
        said = f"{_time(one.at)} {one.event} (to {one.after}) {_PORT.sub('world', one.detail)}".rstrip()
        found[f"{one.alert} of {one.key.target or dict(one.labels)} {dict(one.key.labels) or ''}".rstrip()].append(said)
    return found


def _by_run(corrections: Iterable[Correction]) -> dict[str, list[str]]:
    return {
        f"{one.action} of {one.key.target} {_time(one.created)}{' undoing' if one.undoes else ''}": [
            f"{one.state} after {one.attempt} at {_time(one.updated)}, called {_time(one.called_at)}: {_PORT.sub('world', one.detail)}"
        ]
        for one in corrections
    }


def _by_lane(deliveries: Sequence[Delivery]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in _in_order(deliveries):
        # Whether an edit of a message waited when the next one came, a kill decides too.
        edits = one.receiver == "slack" and one.state in {DeliveryState.SENT, DeliveryState.SUPERSEDED}
        state = "sent or replaced" if edits else one.state
        found[f"{one.kind} {one.lane}"].append(f"{_time(one.created)} {state} {one.key}")
    return found


def _in_order(deliveries: Sequence[Delivery]) -> Iterator[Delivery]:
    """As they were made; but of what could not be told in one instant others are told as one sending after the other
    comes to its end, of which several are on their way at a time: in order only where those of one lane failed."""
    lanes = {
        idempotency_key(one.key, fallback, "0"): one.lane
        for one in deliveries
        if one.state is DeliveryState.FAILED
        for fallback in FALLBACKS
    }
    alike = groupby(
        sorted(deliveries, key=lambda one: one.lane),  # which keeps the order within each
        key=lambda one: (one.lane, one.created, one.id if one.key not in lanes else None),
    )
    for _, some in alike:
        yield from sorted(some, key=lambda one: lanes.get(one.key, ""))


def _in_slack(played: Played, other: Played) -> dict[str, list[str]]:
    """What is in messages and threads, but for answers with which the message itself began in either run: where what was
    to come before them still waited it was skipped."""
    found: dict[str, list[str]] = {}
    for place, shown in played.in_slack.items():
        about, _, thread = place.partition(" ")
        began = [*played.began.get(about, ()), *other.began.get(about, ())] if thread else []
        found[place] = [_PORT.sub("world", said) for said in shown if said not in began]
    return {place: said for place, said in found.items() if said}


def _by_person(acts: Iterable[Act]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in acts:
        found[one.person.name].append(f"{_time(one.at)} {one.act} {one.subject} {one.note}")
    return found


def _shown(whole: Played, killed: Played) -> Iterator[str]:
    for step in sorted(whole.shown.keys() | killed.shown.keys()):
        one, other = (
            {name: [_PORT.sub("world", text)] for name, text in run.shown.get(step, {}).items()}
            for run in (whole, killed)
        )
        yield from _compared(f"step {step} shows", one, other)


def _told(played: Played) -> dict[str, list[str]]:
    """What each receiver took of each alert or group, in order and without repetitions; and the calls of each thing."""
    found: dict[str, list[str]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for one in played.arrived:
        if (one.path, one.key) in seen or not _is_taken(one):
            continue
        seen.add((one.path, one.key))
        if one.path.startswith("act/"):
            found[one.path].append(f"called {one.body}")
        else:
            found[f"{one.path} {_about(one.body)}"].append(_status(one.body))
    return found


def _is_taken(arrival: Arrival) -> bool:
    return arrival.answer in {"200", "lost", "late"}


def _about(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    return str(body.get("groupKey") or body.get("report"))


def _status(body: Any) -> str:
    if not isinstance(body, dict) or "status" not in body:
        return "report"
    return f"{body['status']} " + ", ".join(sorted(f"{a['fingerprint']} {a['status']}" for a in body["alerts"]))


def _arrivals(played: Played) -> Iterator[str]:
    """Every sent delivery arrived; a repetition only of what a kill left unrecorded, or of an answer that was none."""
    sent = {one.key: one for one in played.deliveries if one.state is DeliveryState.SENT}
    known = {one.key: one for one in played.deliveries}
    by_key: dict[str, list[Arrival]] = defaultdict(list)
    for one in played.arrived:
        by_key[one.key].append(one)
    for key, one in sent.items():
        if one.receiver != "slack" and not any(_is_taken(arrival) for arrival in by_key[key]):
            yield f"delivery {one.kind} {one.receiver} {key} is recorded as sent and never arrived"
    for key, arrivals in by_key.items():
        if key not in known:
            yield f"{arrivals[0].path} got {key}, which is not in the outbox"
            continue
        ended = {arrival.life for arrival in arrivals if key in played.queued.get(arrival.life, ())}
        if len(arrivals) > known[key].attempts + len(ended):
            yield f"{arrivals[0].path} got {key} {len(arrivals)} times, in steps {[one.step for one in arrivals]}"
        if len({str(arrival.body) for arrival in arrivals}) > 1:
            yield f"{arrivals[0].path} got {key} with different bodies"
    unsent = [one for one in played.deliveries if one.state is DeliveryState.QUEUED]
    for one in unsent:
        yield f"delivery {one.kind} {one.receiver} {one.key} was never sent: {one.error}"


def _posts(played: Played) -> Iterator[str]:
    """Each sending posted once, in the channel and in a thread; again only what a kill left unrecorded."""
    lives: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for life, key, in_thread in played.posts:
        lives[key, in_thread].append(life)
    for (key, in_thread), found in lives.items():
        if len(set(found)) < len(found) or any(key not in played.queued.get(life, ()) for life in found[:-1]):
            yield f"Slack got {key} {len(found)} times{' in a thread' if in_thread else ''}, in lives {found}"


def _beats(played: Played) -> Iterator[str]:
    """A sign of life comes as often as configured and soon after each start; a step later, if it was still on its way."""
    lives: dict[int, list[int]] = defaultdict(list)
    for life, step in played.beats:
        lives[life].append(step)
    for life, (begin, end) in played.lived.items():
        seen = [begin - 1, *lives[life], end]
        most = max(after - before for before, after in pairwise(seen))
        if most > BEAT // STEP + 2:
            yield f"life {life}, steps {begin} to {end}: no sign of life for {most} steps; they came in {lives[life]}"


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{what} {name} is there twice"
        seen.add(name)


def _time(at: int | None) -> str:
    return "-" if at is None else (EPOCH + timedelta(microseconds=at)).strftime("%H:%M:%S.%f").rstrip("0").rstrip(".")
