"""Of notices that wait the newest goes out, and carries what the others had to say; what comes and goes is paused."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sending.coalescing import Told, coalesced, held_until
from rules.model import DAY, MINUTE, SECOND


def said(text: str) -> dict[str, Any]:
    """`f2`: firing of the episode 2; r, u, e, x, m: resolved, updated, escalated, raised, reminder."""
    reasons = {"f": "firing", "r": "resolved", "u": "updated", "e": "escalated", "x": "raised", "m": "reminder"}
    reason, episode = reasons[text[0]], int(text[1:])
    status = "resolved" if reason == "resolved" else "firing"
    about = {"headline": f"{text} is said", "values": {"value": episode}}
    return {"reason": reason, "starts_at": episode, "status": status, "severity": "warning", **about}


@pytest.mark.parametrize(
    ("waiting", "known", "place", "reason", "unsaid"),
    [
        ("f1", False, 0, "firing", 0),
        ("f1 r1 f2 r2", False, 0, "firing", 0),  # its beginning is said
        ("f1 r1 f2 r2 f3", False, 4, "firing", 2),  # two mails that say the same
        ("f1 u1 m1", False, 2, "firing", 0),
        ("f1 e1 u1", False, 0, "firing", 0),
        ("r1 f2 r2 f3", True, 3, "firing", 1),
        ("r1 f2 r2 f3 r3", True, 4, "resolved", 2),
        ("f2 u2 u2", True, 2, "firing", 0),  # what was taken meanwhile still has to be heard of
        ("u1 u1 r1", True, 2, "resolved", 0),
        ("u1 m1 u1", True, 2, "updated", 0),
        ("u1 e1 u1 r1", True, 1, "escalated", 0),
        ("r1 f2 x2 r2", True, 2, "raised", 0),
        ("r1 f2 r2 f3 e3", True, 4, "escalated", 1),
        ("e1 r1", True, 0, "escalated", 0),
    ],
)
def test_which_is_next(waiting: str, known: bool, place: int, reason: str, unsaid: int) -> None:
    found, notice = coalesced([said(word) for word in waiting.split()], known=known)
    assert (found, notice["reason"], notice.get("unsaid", 0)) == (place, reason, unsaid)
    assert notice["starts_at"] == int(waiting.split()[place][1:])


def test_what_was_carried_once_is_carried_on() -> None:
    first = {**said("f3"), "unsaid": 2, "unsaid_since": 1}
    place, notice = coalesced([first, said("r3"), said("f4")], known=True)
    assert (place, notice["unsaid"], notice["unsaid_since"]) == (2, 3, 1)


@pytest.mark.parametrize(
    ("waiting", "fired"),
    [
        ("r1 f2 r2 f3 u3 r3", "f3"),
        ("f1 r1", "f1"),
        ("u1 r1", ""),
        ("r1 f2 r2 f3", ""),
        ("r1 f2 r2", "f2"),
        ("f1 u1 m1", "f1"),
        ("f1 e1", "f1"),
    ],
)
@pytest.mark.parametrize("group", [{}, {"group": "g", "alerts": [], "firing": 0, "resolved": 0}])
def test_what_goes_out_carries_how_it_fired_if_that_was_not_said(
    waiting: str, fired: str, group: dict[str, Any]
) -> None:
    notice = coalesced([{**said(word), **group} for word in waiting.split()], known=True)[1]
    assert notice.get("fired", {}).get("headline", "").partition(" ")[0] == fired


def told(*minutes: float) -> list[Told]:
    return [
        Told("resolved" if place % 2 else "firing", "warning", int(at * MINUTE)) for place, at in enumerate(minutes)
    ]


@pytest.mark.parametrize(
    ("before", "wait"),
    [((), 0), ((0,), 0), ((0,) * 3, 0), ((0,) * 4, 5), ((0, 0, 0, 0, 5), 15), ((0, 0, 0, 0, 5, 20), 60)],
)
def test_pauses_grow(before: tuple[float, ...], wait: int) -> None:
    now = int(before[-1] * MINUTE) if before else 0
    assert held_until(said("f9"), told(*before), now) == now + wait * MINUTE


def test_what_must_be_heard_waits_for_nothing() -> None:
    lately = told(0, 0, 0, 0, 5, 20, 80)
    assert held_until(said("e9"), lately, 82 * MINUTE) == 82 * MINUTE
    assert held_until({**said("f9"), "severity": "critical"}, lately, 82 * MINUTE) == 82 * MINUTE
    assert held_until(said("f9"), lately, DAY) == DAY


@given(st.integers(0, 2**32))
def test_less_than_one_an_hour_and_the_last_is_true(seed: int) -> None:
    rng = random.Random(seed)
    flap, now, firing, episode = rng.choice((20 * SECOND, 7 * MINUTE, 31 * MINUTE)), 0, False, 0
    sent: list[Told] = []
    waiting: list[dict[str, Any]] = []
    until, last = 0, ""
    while now < DAY:
        now += max(SECOND, int(rng.expovariate(1 / flap)))
        while waiting and until <= now:
            place, notice = coalesced(waiting, known=bool(sent))
            waiting = waiting[place + 1 :]
            last = notice["status"]
            sent.append(Told(notice["reason"], "warning", until))
            if waiting:
                until = held_until(waiting[0], sent, until)
        firing, episode = not firing, episode + (not firing)
        made = said(f"{'f' if firing else 'r'}{episode}")
        if not waiting:
            until = held_until(made, sent, now)
        waiting.append(made)
    last = coalesced(waiting, known=True)[1]["status"] if waiting else last
    assert last == ("firing" if firing else "resolved")
    assert len(sent) < 24
