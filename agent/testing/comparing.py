"""Expected against got, as lines: `-` was expected and is not so, `+` is so and was not expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import ndiff
from typing import Any

from agent.alerts.notices import values_of
from agent.testing.language import (
    AlertCase,
    CorrectionCase,
    DeliveryCase,
    ExpectedCorrection,
    ExpectedDelivery,
    TargetCase,
)
from rules.model import Assessment, Correction, duration_text

Alert = tuple[dict[str, str], dict[str, str]]
"""Labels and annotations of a firing alert."""
Diff = tuple[str, ...]

_IMPLIED = ("alertname", "target")
_OF_A_NOTICE = ("at", "reason", "alertname", "target")
_OF_A_RUN = ("action", "alertname", "labels", "state")


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that does not hold: where it stands, what it is about, and the difference."""

    place: str
    about: str
    diff: Diff


def difference(expected: Sequence[str], got: Sequence[str]) -> Diff:
    """Both as one list of lines, marked; empty if they are the same."""
    if list(expected) == list(got):
        return ()
    return tuple(line for line in ndiff(list(expected), list(got)) if not line.startswith("?"))


def alerts(case: AlertCase, got: Sequence[Alert]) -> Diff:
    """The firing alerts of a name. `alertname` and `target` are compared only where an expectation names them."""
    named = {name for expected in case.exp_alerts for name in expected.exp_labels}
    implied = [name for name in _IMPLIED if name not in named]
    wanted = [(one.exp_labels, one.exp_annotations) for one in case.exp_alerts]
    return difference(_alert_lines(wanted, implied), _alert_lines(got, implied))


def _alert_lines(found: Iterable[Alert], implied: Sequence[str]) -> list[str]:
    shown = [({k: v for k, v in labels.items() if k not in implied}, notes) for labels, notes in found]
    lines: list[str] = []
    for labels, notes in sorted(shown, key=lambda one: (sorted(one[0].items()), sorted(one[1].items()))):
        lines += ["firing", *_map_lines("labels", labels), *_map_lines("annotations", notes)]
    return lines or ["nothing fires"]


def _map_lines(title: str, pairs: Mapping[str, Any]) -> list[str]:
    return [f"  {title}:", *(f"    {name}: {value}" for name, value in sorted(pairs.items()))] if pairs else []


def target(case: TargetCase, found: Assessment | None, words: str) -> Diff:
    """One instance's standing and numbers; a number is compared as exactly as it is written."""
    if found is None:
        return difference(["an instance"], ["there is no such instance: nothing was read yet"])
    values = values_of(found)
    expected, got = [], []
    if case.exp_standing is not None:
        expected.append(f"standing: {case.exp_standing}")
        got.append(f"standing: {found.standing}")
    for name, wanted in case.exp_values.items():
        value = values.get(name)
        expected.append(f"{name}: {_written(wanted)}")
        got.append(f"{name}: {_written(wanted if _is(value, wanted) else value)}")
    diff = difference(expected, got)
    return (*diff, f"  ({words})") if diff and words else diff


def _is(value: float | None, wanted: float | None) -> bool:
    if value is None or wanted is None:
        return value is wanted
    exponent = Decimal(repr(wanted)).as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) and wanted != int(wanted) else 0
    return abs(value - wanted) <= 0.5 * 10.0**-digits if digits or abs(wanted) < 1e15 else value == wanted


def _written(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"


def deliveries(case: DeliveryCase, sent: Sequence[Mapping[str, Any]], start: int) -> Diff:
    """What a receiver was sent, in order."""
    return _listed(case.exp_deliveries, [_notice(one, start) for one in sent], _OF_A_NOTICE, "nothing is sent")


def _notice(sent: Mapping[str, Any], start: int) -> dict[str, Any]:
    return {**sent, "alertname": sent.get("alert"), "at": sent["at"] - start}


def corrections(case: CorrectionCase, runs: Sequence[Correction]) -> Diff:
    """The runs of actions, in order."""
    return _listed(case.exp_corrections, [_run(run) for run in runs], _OF_A_RUN, "no corrective run")


def _run(run: Correction) -> dict[str, Any]:
    return {
        "action": run.action,
        "alertname": run.alert,
        "labels": dict(run.key.labels),
        "state": run.state.value,
        "attempt": run.attempt,
        "detail": run.detail,
    }


def _listed(
    expected: Sequence[ExpectedDelivery | ExpectedCorrection],
    got: Sequence[Mapping[str, Any]],
    usual: Sequence[str],
    nothing: str,
) -> Diff:
    """Each is compared by what its expectation says of it; one too many is shown by what is usually said."""
    said = [_said(one) for one in expected]
    wanted = [line for one in said for line in _lines(one)]
    found: list[str] = []
    for index, one in enumerate(got):
        keys = said[index] if index < len(said) else dict.fromkeys(usual)
        found += _lines({key: _seen(one.get(key), wish) for key, wish in keys.items()})
    return difference(wanted or [nothing], found or [nothing])


def _said(expected: ExpectedDelivery | ExpectedCorrection) -> dict[str, Any]:
    return {name: value for name, value in expected.model_dump(mode="json").items() if value is not None}


def _seen(value: Any, wish: Any) -> Any:
    """Of labels and annotations, those that the expectation speaks of."""
    if isinstance(wish, dict) and isinstance(value, dict):
        return {name: value[name] for name in wish if name in value}
    return value


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    """A list item, its keys below one another; one of which nothing is said counts all the same."""
    if not one:
        yield "- any"
    mark = "- "
    for name, value in one.items():
        if isinstance(value, dict):
            yield f"{mark}{name}: {', '.join(f'{k}={v}' for k, v in sorted(value.items()))}"
        else:
            yield f"{mark}{name}: {duration_text(value) if name == 'at' else value}"
        mark = "  "
