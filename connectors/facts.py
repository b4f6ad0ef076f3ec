"""What a notice says, in words: shared by the notifiers for people, so that they can't disagree."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rules.model import DAY, HOUR, MINUTE, SECOND, Notice, NoticedAlert, Reason, percentage, rounded

_PREFIXES = {
    Reason.RESOLVED: "Resolved",
    Reason.ESCALATED: "Escalated",
    Reason.UNCORRECTED: "Not corrected",
    Reason.REMINDER: "Still firing",
    Reason.FLAPPING: "Flapping",
    Reason.SETTLED: "Settled",
    Reason.UNDELIVERABLE: "Not delivered",
    Reason.TEST: "Test",
}
_MARKS = {"critical": "🔴", "error": "🔴", "warning": "🟠", "info": "🔵"}
_COLOURS = {"critical": "#c62828", "error": "#c62828", "warning": "#b35c00", "info": "#1f6feb"}
_OWN_LABELS = {"alertname", "target", "severity"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fact(NamedTuple):
    """One line of a notice: what it is, and how it stands."""

    label: str
    text: str


class Link(NamedTuple):
    """A link of a notice; `url` is http or https."""

    text: str
    url: str


def heading(notice: Notice) -> str:
    """The headline, with a word before it where the headline alone would be misread."""
    line = plain(notice.headline) or plain(notice.title) or plain(notice.alert)
    prefix = f"Now {plain(notice.severity)}" if notice.reason is Reason.RAISED else _PREFIXES.get(notice.reason)
    prefix = None if _is_partly(notice) else prefix
    if prefix is None or line.lower().startswith(prefix.lower()):
        return line
    return f"{prefix}: {line}"


def status_word(notice: Notice) -> str:
    """Why the notice is sent, in one word."""
    return notice.status if _is_partly(notice) else str(notice.reason)


def _is_partly(notice: Notice) -> bool:
    """Whether some alerts of a group ended and others fire on."""
    return notice.reason is Reason.RESOLVED and notice.status != "resolved"


def mark(notice: Notice) -> str:
    """A sign for the status and severity."""
    return {Reason.TEST: "🧪", Reason.REPORT: "📊"}.get(notice.reason) or _mark(notice)


def _mark(alert: Notice | NoticedAlert) -> str:
    return "✅" if is_well(alert) else _MARKS.get(alert.severity, "🟠")


def is_well(of: Notice | NoticedAlert) -> bool:
    """Whether it is over, and nobody has to do anything: what is escalated then is something else that failed."""
    return of.status == "resolved" and not (isinstance(of, Notice) and of.reason is Reason.ESCALATED)


def listed(notice: Notice, most: int, *, marked: bool = True) -> list[str]:
    """A line for each alert of a notice about several, the gravest first; what is cut is counted in the last."""
    if len(notice.every) < 2:
        return []
    shown = notice.every[:most]
    lines = [f"{_mark(alert) if marked else alert.status} {plain(alert.headline)}" for alert in shown]
    more = max(notice.firing + notice.resolved, len(notice.every)) - len(lines)
    return [*lines, f"and {more} more"] if more > 0 else lines


def names(notice: Notice, after: int) -> list[str]:
    """A few words for each alert that a list of so many lines leaves out: its labels, and its target if they differ."""
    alerts = notice.every[after:]
    same = len({alert.labels.get("target", "") for alert in notice.every}) == 1
    found = []
    for alert in alerts:
        own = ", ".join(_own(alert.labels).values())
        target = alert.labels.get("target", "") or alert.title
        name = plain((own if same else f"{target} {own}".rstrip()) or target)
        found.append(name if alert.status == "firing" else f"{name} ({alert.status})")
    return found


def colour(of: Notice | NoticedAlert) -> str:
    """The colour of the status and severity, `#rrggbb`."""
    if isinstance(of, Notice) and of.reason in {Reason.TEST, Reason.REPORT}:
        return "#5c6670"
    return "#2e7d32" if is_well(of) else _COLOURS.get(of.severity, "#b35c00")


def facts(notice: Notice) -> list[Fact]:
    """The numbers that matter and their surroundings, most telling first; what is unknown is left out."""
    if len(notice.every) > 1:
        of_all = (Fact(*_since(notice)), Fact("Severity", _severities(notice)), Fact("Labels", _labels(notice)))
        return [fact for fact in of_all if fact.text]
    found = [
        Fact("Value", _value(notice)),
        Fact("Goal", _goal(notice)),
        Fact("Progress", _share(notice.values, "progress")),
        Fact("Expected by now", _expected(notice)),
        Fact(_rate(notice.values), _required(notice)),
        Fact("Projection", _projection(notice)),
        Fact("Chance of the goal", _chance(notice)),
        Fact("Period", _period(notice)),
        Fact(*_since(notice)),
        Fact("Severity", "" if notice.reason is Reason.TEST else plain(notice.severity)),
        Fact("Labels", _labels(notice)),
    ]
    return [fact for fact in found if fact.text]


def remarks(notice: Notice) -> list[str]:
    """Sentences beside the facts: annotations that are not links, then the details."""
    linked = {name for name, text in notice.annotations.items() if _is_link(name, text)}
    own = notice.annotations if len(notice.every) < 2 else {}  # of several none speaks for the others
    said = [plain(text) for name, text in own.items() if name not in linked]
    return [text for text in dict.fromkeys([_meanwhile(notice), *said, *map(plain, notice.details)]) if text]


def _meanwhile(notice: Notice) -> str:
    """That it fired and ended without being told, or nothing."""
    if not notice.unsaid or notice.unsaid_since is None or notice.group:
        return ""
    times = "once more" if notice.unsaid == 1 else f"{notice.unsaid} times more"
    return f"It fired {times} since {local(notice.unsaid_since, notice.zone):%H:%M}, too often to say each time."


def reasons(notice: Notice) -> list[str]:
    """Why it is said: what was read and compared, and what comes next."""
    return [text for text in map(plain, notice.why) if text]


def links(notice: Notice) -> list[Link]:
    """The runbook first, then every other annotation that is a web address; of several alerts those of them all."""
    every = [alert.annotations for alert in notice.every]
    shared = {name: text for name, text in every[0].items() if all(one.get(name) == text for one in every)}
    found = [Link(_link_text(name), text.strip()) for name, text in shared.items() if _is_link(name, text)]
    return sorted(found, key=lambda link: link.text != "Runbook")


def number(value: float) -> str:
    """A number as people write it: thousands separated, no more digits than tell something."""
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4 or not math.isfinite(value):
        return f"{value:.4g}"
    digits = 0 if size >= 100_000 or value == int(value) else 1 if size >= 1_000 else 2 if size >= 1 else 4
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def span(micros: int) -> str:
    """A span in its two largest units: `2h 5m`, `3d`, `40s`."""
    parts: list[str] = []
    left = max(micros, 0)
    for size, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0s"


def local(micros: int, zone: str) -> datetime:
    """The local time, in UTC where the zone is unknown here."""
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(_zone(zone))


def moment(micros: int, zone: str) -> str:
    """Local date and time to the minute, with the zone's abbreviation."""
    return f"{local(micros, zone):%Y-%m-%d %H:%M %Z}"


def plain(text: str) -> str:
    """One line without control characters: nothing in a label may move a terminal's cursor or turn the text around."""
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text if not _turns(c))
    return " ".join(kept.split())


def shortened(text: str, limit: int) -> str:
    """The text, cut to at most `limit` characters with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _turns(char: str) -> bool:
    return "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" or "\ud800" <= char <= "\udfff"


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")


def _amount(notice: Notice, *values: float, unit: bool = True) -> str:
    """Numbers in the goal's unit, as `20 to 23 °C`; shares in percent."""
    text = " to ".join(map(percentage if notice.percent else number, values))
    return f"{text} {plain(notice.unit)}".rstrip() if unit and not notice.percent else text


def _computed(notice: Notice, value: float) -> float:
    return value if notice.percent else rounded(value)


def _value(notice: Notice) -> str:
    value = notice.values.get("value")
    return "" if value is None else _amount(notice, value)


def _goal(notice: Notice) -> str:
    low, high = notice.values.get("at_least"), notice.values.get("at_most")
    if low is not None and high is not None:
        return _amount(notice, low, high)
    if low is not None:
        return f"at least {_amount(notice, low)}"
    return "" if high is None else f"at most {_amount(notice, high)}"


def _share(values: Mapping[str, float], name: str) -> str:
    share = values.get(name)
    return "" if share is None else f"{number(_percent(share))} %"


def _percent(share: float) -> float:
    percent = share * 100
    return float(round(percent)) if 1 <= abs(percent) < 99 or abs(percent) >= 101 else float(f"{percent:.3g}")


def _expected(notice: Notice) -> str:
    expected, pace = notice.values.get("expected"), _share(notice.values, "pace")
    if expected is None:
        return ""
    text = _amount(notice, _computed(notice, expected))
    return f"{text} ({pace} of it reached)" if pace else text


def _rate(values: Mapping[str, float]) -> str:
    """What the rate is: needed, or left of a budget; a value above its budget that may fall needs to fall."""
    return "Required rate" if "at_least" in values or values.get("required_rate", 0.0) < 0 else "Rate left"


def _required(notice: Notice) -> str:
    rate = notice.values.get("required_rate")
    return "" if rate is None else f"{_amount(notice, _computed(notice, rate))} a day"


def _projection(notice: Notice) -> str:
    values = notice.values
    if "projection" not in values:
        return ""
    text = _amount(notice, _computed(notice, values["projection"]))
    low, high = values.get("projection_low"), values.get("projection_high")
    if low is None or high is None:
        return text
    return f"{text} (80 % likely {_amount(notice, _computed(notice, low), _computed(notice, high), unit=False)})"


def _chance(notice: Notice) -> str:
    chance = notice.values.get("chance")
    if chance is None:
        return ""
    if chance < 0.01:
        return "below 1 %"
    return "above 99 %" if chance > 0.99 else f"{chance * 100:.0f} %"


def _period(notice: Notice) -> str:
    if notice.period_start is None or notice.period_end is None:
        return ""
    start, end = local(notice.period_start, notice.zone), local(notice.period_end, notice.zone)
    midnight = (0, 0)
    if (start.hour, start.minute) == midnight == (end.hour, end.minute):
        first, last = start.date(), (end - timedelta(microseconds=1)).date()
        return f"{first}" if first == last else f"{first} to {last}"
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}"


def _since(notice: Notice) -> tuple[str, str]:
    if notice.reason is Reason.TEST:
        return "Sent", moment(notice.at, notice.zone)
    if notice.ends_at is None:
        return "Since", moment(notice.starts_at, notice.zone)
    lasted = span(notice.ends_at - notice.starts_at)
    return "Lasted", f"{lasted}, {moment(notice.starts_at, notice.zone)} to {moment(notice.ends_at, notice.zone)}"


def _severities(notice: Notice) -> str:
    """That of all alerts; where they differ how many of those that fire have which."""
    counts = Counter(plain(alert.severity) for alert in notice.every if alert.status == "firing")
    if len(counts) < 2 or counts.total() < notice.firing:
        return plain(notice.severity)
    return ", ".join(f"{count} {severity or 'without'}" for severity, count in counts.items())


def _labels(notice: Notice) -> str:
    found = _own(notice.labels) if len(notice.every) < 2 else notice.group_labels
    return ", ".join(f"{plain(k)}={plain(v)}" for k, v in sorted(found.items()))


def _own(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in _OWN_LABELS}


def _is_link(name: str, text: str) -> bool:
    address = text.strip()
    named = name in {"runbook", "dashboard"} or name.endswith("_url")
    return named and address.startswith(("https://", "http://")) and address.isprintable() and " " not in address


def _link_text(name: str) -> str:
    return plain(name.removesuffix("_url").replace("_", " ")).capitalize()
