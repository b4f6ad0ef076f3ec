"""What an alert waits for is said as it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.model import HOUR, MINUTE, SECOND, AlertRule, AlertState, AlertStatus, Often, Sign, Standing
from rules.waiting import waits
from tests.rules.world import at

NOW = at("2026-03-10T12:00:00")
HOT = AlertRule("hot", Standing.OUT_OF_BAND, for_=10 * MINUTE, keep_firing_for=5 * MINUTE)
AT_ONCE = AlertRule("behind", Standing.BEHIND)
FEW = AlertRule("few", Standing.OUT_OF_BAND, often=Often(3, 5))
PENDING, FIRING, RECOVERING = AlertState.PENDING, AlertState.FIRING, AlertState.RECOVERING
NONE = AlertStatus()


def since(state: AlertState, ago: int, fired: int | None = None) -> AlertStatus:
    return AlertStatus(state, NOW - ago, None if fired is None else NOW - fired)


@pytest.mark.parametrize(
    ("rule", "status", "said"),
    [
        (HOT, NONE, "fires when the standing is out of band for 10m"),
        (AT_ONCE, NONE, "fires while the standing is behind"),
        (AlertRule("u", Sign.UNUSUAL), NONE, "fires while the number is unusual"),
        (AlertRule("n", Standing.NO_DATA), NONE, "fires while there is no data"),
        (FEW, since(PENDING, HOUR), "fires when the standing is out of band in 3 of the last 5 readings"),
        (HOT, since(PENDING, 3 * MINUTE), "fires at 12:07 if it stays so"),
        (HOT, since(PENDING, 8 * MINUTE + 10 * SECOND), "fires at 12:01:50 if it stays so"),  # minutes would be coarse
        (HOT, since(PENDING, 8 * MINUTE), "fires at 12:02 if it stays so"),
        (HOT, since(PENDING, HOUR), "fires with the next reading if it stays so"),
        (
            HOT,
            since(FIRING, MINUTE, HOUR),
            "fires since 11:00, resolves 5m after the standing is no longer out of band",
        ),
        (AT_ONCE, since(FIRING, 0, 0), "fires since 12:00, resolves when the standing is no longer behind"),
        (
            FEW,
            since(FIRING, 0, 0),
            "fires since 12:00, resolves when the standing is out of band in fewer than 3 of the last 5 readings",
        ),
        (AlertRule("n", Standing.NO_DATA), since(FIRING, 0, 0), "fires since 12:00, resolves when there is data again"),
        (HOT, since(RECOVERING, MINUTE, HOUR), "resolves at 12:04 if it stays so (keep_firing_for 5m)"),
        (
            HOT,
            since(RECOVERING, 5 * MINUTE - 7 * SECOND, HOUR),
            "resolves at 12:00:07 if it stays so (keep_firing_for 5m)",
        ),
        (
            HOT,
            replace(since(RECOVERING, MINUTE, HOUR), flapping_since=NOW - MINUTE),
            "flaps since 11:59, and is held open until it settles",
        ),
    ],
)
def test_what_moves_it_on(rule: AlertRule, status: AlertStatus, said: str) -> None:
    assert waits(rule, status, "UTC", NOW) == said
