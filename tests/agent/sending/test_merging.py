"""What waits of a group is one notice: true, each alert named once, nothing that people have to hear lost."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alerts.several import MOST_ALERTS
from agent.sending.coalescing import coalesced
from agent.sending.envelopes import read_notice
from agent.sending.merging import merged
from rules.model import News, Notice, NoticedAlert, Reason
from tests.connectors.notifiers import kit

Told = tuple[str, str, bool]
"""Of an alert its name, its status, and whether it is fresh."""


def alert(word: str) -> NoticedAlert:
    """`+a`: a fires, and nobody was told; `a`: it fires; `-a`: it ended."""
    name = word.lstrip("+-")
    status = "resolved" if word[0] == "-" else "firing"
    return kit.alert(
        0, status, fingerprint=name, labels={"alertname": "hot", "room": name, "target": "room"}, fresh=word[0] == "+"
    )


def said(reason: str, words: str, episode: int = 1, **changes: Any) -> dict[str, Any]:
    """A notice as it waits; `words` are its alerts, those that fire first."""
    alerts = tuple(map(alert, words.split()))
    firing = sum(one.status == "firing" for one in alerts)
    changes = {"details": (), **changes}
    made = kit.several(
        reason=Reason(reason), status="firing" if firing else "resolved", group="g", group_since=episode,
        alerts=alerts, firing=firing, resolved=len(alerts) - firing, **changes,
    )  # fmt: skip
    read: dict[str, Any] = orjson.loads(orjson.dumps(made))
    return read


def named(alerts: Iterable[Any]) -> str:
    """As `said` writes it; `!a`: it fired and ended before it was said."""
    marks = {"firing": {True: "+", False: ""}, "resolved": {True: "!", False: "-"}}
    return " ".join(marks[one["status"]][one["fresh"]] + one["fingerprint"] for one in alerts)


@pytest.mark.parametrize(
    ("waiting", "reason", "alerts"),
    [
        (["firing +a"], "firing", "+a"),
        (["firing +b a", "updated b a"], "firing", "+b a"),  # so that those who joined are heard of
        (["resolved a -b", "updated a"], "updated", "a -b"),
        (["resolved a -b", "firing +c a"], "firing", "+c a -b"),
        (["firing +b a", "resolved a -b"], "resolved", "a !b"),  # said once, not twice
        (["firing +b a", "resolved a -b", "firing +b a"], "firing", "+b a"),
        (["resolved a -b", "firing +b a", "resolved a -b"], "resolved", "a !b"),
        (["firing +a", "resolved -a"], "resolved", "!a"),
        (["resolved -a", "firing +b", "resolved -b"], "resolved", "!b -a"),
        (["resolved a -b", "firing +b a", "updated a"], "updated", "a"),  # b fires and is muted
        (["reminder a", "updated a"], "updated", "a"),
        (["escalated a", "resolved a -b"], "escalated", "a -b"),
        (["raised +a b", "resolved a -b"], "raised", "+a -b"),
        (["raised +a b", "resolved -a -b"], "resolved", "!a -b"),
    ],
)
def test_what_one_notice_says(waiting: list[str], reason: str, alerts: str) -> None:
    notices = [said(*each.split(maxsplit=1)) for each in waiting]
    place, found = coalesced(notices, known=False)
    assert (place, found["reason"], named(found["alerts"])) == (len(waiting) - 1, reason, alerts)
    assert read_notice(orjson.dumps(found)).status == notices[-1]["status"]
    assert (found["firing"], found["resolved"]) == (len(notices[-1]["alerts"]) - notices[-1]["resolved"],
                                                   alerts.count("-") + alerts.count("!"))  # fmt: skip


def test_the_headline_counts_all_and_what_is_said_of_one_has_its_name() -> None:
    alone = said("firing", "+a", details=("Taken by Ann",), why=("because",))
    found = merged([said("resolved", "b -c"), said("resolved", "-b"), alone])
    assert found["headline"] == "Room: 1 of 3 alerts firing, 2 resolved: a"
    assert (found["details"], found["why"]) == (["a: Taken by Ann"], [])
    assert merged([alone, said("updated", "a", headline="As it was")])["headline"] == "As it was"


def test_an_escalation_and_a_graver_severity_of_what_is_over_are_not_said_of_what_fires() -> None:
    assert merged([said("escalated", "a"), said("resolved", "-a"), said("firing", "+b", 2)])["reason"] == "firing"
    graver = said("raised", "+a b", severity="critical")
    assert merged([graver, said("resolved", "b -a", severity="warning")])["reason"] == "resolved"


def test_news_of_what_ended_are_heard_once() -> None:
    failed, verified = News("a: Correction heat failed", True), News("Correction cool verified")
    before = [said("uncorrected", "a b", news=(failed,)), said("resolved", "b -a", news=(failed, verified))]
    found = merged([*before, said("updated", "b", news=(News("b: Correction cool verified"),))])
    assert [one["words"] for one in found["news"]] == ["b: Correction cool verified", "a: Correction heat failed"]
    assert found["details"] == ["a: Correction heat failed"]  # for those who read no news


def test_very_many_are_cut_and_counted() -> None:
    many = " ".join(f"-a{n}" for n in range(MOST_ALERTS))
    found = merged([said("resolved", f"b {many}"), said("resolved", "-b")])
    assert (len(found["alerts"]), found["resolved"]) == (MOST_ALERTS, MOST_ALERTS + 1)


def test_episodes_that_were_not_said_are_counted() -> None:
    waiting = [said("resolved", "-a"), said("firing", "+b", 2), said("resolved", "-b", 2), said("firing", "+b", 3)]
    _, found = coalesced(waiting, known=True)
    assert found["unsaid"] == 1
    place, again = coalesced([found, said("resolved", "-b", 3)], known=True)
    assert (place, again["unsaid"], named(again["alerts"])) == (1, 2, "!b -a")


class People:
    """What a receiver of a group knows, and what there was to hear."""

    def __init__(self) -> None:
        self.fires: set[str] = set()
        self.heard: list[tuple[str, bool]] = []  # alerts, and whether each was over when it was first said

    def read(self, notice: Notice) -> None:
        named = {one.fingerprint: one for one in notice.alerts}
        assert len(named) == len(notice.alerts) == notice.firing + notice.resolved
        firing = {name for name, one in named.items() if one.status == "firing"}
        assert (notice.status == "firing") == bool(firing)
        assert self.fires <= named.keys()  # what was said to fire is said to be over
        self.heard += [(name, name not in firing) for name, one in named.items() if one.fresh]
        self.fires = firing


@given(st.integers(0, 2**32))
def test_who_hears_late_hears_all_of_it_and_in_the_end_the_truth(seed: int) -> None:
    rng = random.Random(seed)
    late, fires, told = People(), set[str](), set[str]()
    waiting: list[dict[str, Any]] = []
    begun: list[str] = []
    for episode in range(rng.randrange(1, 25)):
        fires ^= set(rng.choices("abcdef", k=rng.randrange(1, 4)))
        ended, fresh = told - fires, fires - told
        words = [f"+{name}" if name in fresh else name for name in sorted(fires)] + [f"-{name}" for name in ended]
        if not words:
            continue
        begun += fresh
        told = set(fires)
        waiting.append(said("firing" if fresh else "resolved" if ended else "updated", " ".join(words), episode // 9))
        if rng.random() < 0.3:
            place, notice = coalesced(waiting, known=rng.random() < 0.5)
            assert place == len(waiting) - 1
            waiting = []
            late.read(read_notice(orjson.dumps(notice)))
    if waiting:
        late.read(read_notice(orjson.dumps(coalesced(waiting, known=True)[1])))
    assert late.fires == told
    assert {name for name, _ in late.heard} == set(begun)
    assert len(late.heard) <= len(begun)
