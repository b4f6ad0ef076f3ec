"""Who compares two runs sees what a kill must not change, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from agent.sending.envelopes import idempotency_key
from agent.store.records import Delivery, DeliveryKind, DeliveryState
from tests.crash.compare import differences
from tests.crash.play import Played
from tests.crash.scenario import FALLBACK

Missed = tuple[Delivery, Delivery]


def missed(key: str, about: str, created: int = 1) -> Missed:
    """One that could not be told, and what the fallback is told of it."""
    lane, state = f"gone/0/{about}", DeliveryState.FAILED
    failed = Delivery(key, DeliveryKind.NOTICE, "gone", 0, lane, b"{}", created, created, 9, state=state)
    told = idempotency_key(key, FALLBACK, "0")
    lane, state = f"{FALLBACK}/0/receiver-down/undeliverable", DeliveryState.SENT
    return failed, replace(failed, key=told, receiver=FALLBACK, lane=lane, state=state)


def differ(one: list[Missed], other: list[Missed]) -> bool:
    """Whether what is told differs, where it is told of these in this order."""
    found = []
    for made in one, other:
        made_in_order = [*sorted((failed for failed, _ in made), key=lambda one: one.key), *(told for _, told in made)]
        found.append(Played(deliveries=[replace(each, id=n) for n, each in enumerate(made_in_order, 1)]))
    return any("undeliverable: differs" in said for said in differences(*found))


def test_which_of_several_fails_first_in_one_instant_is_no_difference() -> None:
    a, b, c = missed("a", "room1"), missed("b", "room2"), missed("c", "room3")
    assert not differ([a, b, c], [b, c, a])


def test_what_failed_of_one_lane_or_in_another_instant_is_told_in_order() -> None:
    fires, ends, later = missed("a", "room1"), missed("b", "room1"), missed("c", "room2", created=2)
    assert differ([fires, ends], [ends, fires])
    assert differ([fires, later], [later, fires])
    assert differ([fires, ends], [fires])


def test_its_end_is_told_after_what_it_began_with() -> None:
    fires = missed("a", "room1")
    over = fires[0], replace(fires[1], key="over")
    assert differ([fires, over], [over, fires])
