"""Expected against got, as lines: `-` was expected and is not so, `+` is so and was not expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest
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
Item = tuple[str, ...]
"""What is expected or got, as lines."""
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


def difference(expected: Sequence[Item], got: Sequence[Item]) -> Diff:
    """Both as one list of lines, marked; empty if they are the same. What takes the place of an item is beside it."""
    if list(expected) == list(got):
        return ()
    lines: list[str] = []
    for _, first, last, begin, end in SequenceMatcher(None, expected, got, autojunk=False).get_opcodes():
        for one, other in zip_longest(expected[first:last], got[begin:end], fillvalue=()):
            lines += _marked(one, other)
    return tuple(lines)


def _marked(expected: Item, got: Item) -> Iterator[str]:
    for how, first, last, begin, end in SequenceMatcher(None, expected, got, autojunk=False).get_opcodes():
        if how == "equal":
            yield from (f"  {line}" for line in got[begin:end])
        elif last - first == end - begin:
            for pair in zip(expected[first:last], got[begin:end], strict=True):
                yield from (f"{mark} {line}" for mark, line in zip("-+", pair, strict=True))
        else:
            yield from (f"- {line}" for line in expected[first:last])
            yield from (f"+ {line}" for line in got[begin:end])


def alerts(case: AlertCase, got: Sequence[Alert]) -> Diff:
    """The firing alerts of a name. `alertname` and `target` are compared only where an expectation names them."""
    named = {name for expected in case.exp_alerts for name in expected.exp_labels}
    implied = [name for name in _IMPLIED if name not in named]
    wanted = [(one.exp_labels, one.exp_annotations) for one in case.exp_alerts]
    return difference(_alert_lines(wanted, implied), _alert_lines(got, implied))


def _alert_lines(found: Iterable[Alert], implied: Sequence[str]) -> list[Item]:
    # An empty label is none, as in Prometheus: of an instance that lacks a label of its target's `by`.
    shown = [({k: v for k, v in labels.items() if v and k not in implied}, notes) for labels, notes in found]
    shown.sort(key=lambda one: (sorted(one[0].items()), sorted(one[1].items())))
    lines = [("firing", *_map_lines("labels", labels), *_map_lines("annotations", notes)) for labels, notes in shown]
    return lines or [("nothing fires",)]


def _map_lines(title: str, pairs: Mapping[str, Any]) -> list[str]:
    return [f"  {title}:", *(f"    {name}: {value}" for name, value in sorted(pairs.items()))] if pairs else []


def target(case: TargetCase, found: Assessment | None, words: str) -> Diff:
    """One instance's standing and numbers; a number is compared as exactly as it is written."""
    if found is None:
        return difference([("an instance",)], [("there is no such instance: nothing was read yet",)])
    values = values_of(found)
    expected, got = [], []
    if case.exp_standing is not None:
        expected.append(f"standing: {case.exp_standing}")
        got.append(f"standing: {found.standing}")
    for name, wanted in case.exp_values.items():
        value = values.get(name)
        expected.append(f"{name}: {_written(wanted)}")
        got.append(f"{name}: {_written(wanted if _is(value, wanted) else value)}")
    diff = difference([tuple(expected)], [tuple(got)])
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
    begin = _alike(said, got)
    end = _alike(said[begin:][::-1], got[begin:][::-1])
    first, last = said[: len(said) - end], said[len(said) - end :]
    others = [dict.fromkeys(usual)] * (len(got) - len(said))
    keys = [*[*first, *others][: len(got) - end], *last]
    wanted = [tuple(_lines(one)) for one in said]
    found = [_shown(one, wish) for one, wish in zip(got, keys, strict=True)]
    return difference(wanted or [(nothing,)], found or [(nothing,)])


def _alike(said: Sequence[dict[str, Any]], got: Sequence[Mapping[str, Any]]) -> int:
    """How many are as they are expected before one is not."""
    pairs = enumerate(zip(said, got, strict=False))
    differing = (place for place, (wish, one) in pairs if _shown(one, wish) != tuple(_lines(wish)))
    return next(differing, min(len(said), len(got)))


def _shown(one: Mapping[str, Any], wish: Mapping[str, Any]) -> Item:
    return tuple(_lines({name: _seen(one.get(name), value) for name, value in wish.items()}))


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
