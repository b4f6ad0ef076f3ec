"""What an alert waits for, in plain words, as it stands."""

from __future__ import annotations

from rules.model import AlertRule, AlertState, AlertStatus, Sign, Standing
from rules.words import clock_time, coming, span

_SIGNS = {
    Standing.NO_DATA: ("there is no data", "there is data again"),
    Sign.UNUSUAL: ("the number is unusual", "the number is no longer unusual"),
    Sign.BURNING: ("the budget burns too fast", "the budget no longer burns too fast"),
}


def waits(rule: AlertRule, status: AlertStatus, zone: str, now: int, *, before: bool = False) -> str:
    """What moves the alert on, to follow its name: `fires at 12:10 if it stays so`.

    `before` says that it fires since before the time that is known.
    """
    if status.flapping_since is not None:
        return f"flaps since {clock_time(status.flapping_since, zone, now)}, and is held open until it settles"
    if status.state is AlertState.FIRING:
        return _resolves(rule, status, zone, now, since="since before" if before else "since")
    if status.state is AlertState.RECOVERING:
        until = coming(status.since + rule.keep_firing_for, zone, now)
        return f"resolves at {until} if it stays so (keep_firing_for {span(rule.keep_firing_for)})"
    if status.state is AlertState.PENDING and rule.often is None:
        at = status.since + rule.for_
        return f"fires {f'at {coming(at, zone, now)}' if at > now else 'with the next reading'} if it stays so"
    if rule.often is not None:
        return f"fires when {_said(rule)[0]} in {rule.often.breaches} of the last {rule.often.of} readings"
    return f"fires {f'when {_said(rule)[0]} for {span(rule.for_)}' if rule.for_ else f'while {_said(rule)[0]}'}"


def _resolves(rule: AlertRule, status: AlertStatus, zone: str, now: int, since: str) -> str:
    on, off = _said(rule)
    if rule.often is not None:
        off = f"{on} in fewer than {rule.often.breaches} of the last {rule.often.of} readings"
    after = f"{span(rule.keep_firing_for)} after" if rule.keep_firing_for else "when"
    at = clock_time(status.since if status.fired_at is None else status.fired_at, zone, now)
    return f"fires {since} {at}, resolves {after} {off}"


def _said(rule: AlertRule) -> tuple[str, str]:
    """The thing waited for, and its end."""
    name = rule.when.value.replace("_", " ")
    return _SIGNS.get(rule.when, (f"the standing is {name}", f"the standing is no longer {name}"))
