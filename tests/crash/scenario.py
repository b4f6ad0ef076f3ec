"""What happens in a run, all of it from one seed: the configurations, the numbers, and what people do."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.crash.targets import PLACES, targets_of

LATE = 20.0  # seconds that the one receiver that may not answer at all is waited for

STEP = 10  # seconds
HOUR = 3600
LENGTH = 36  # steps in which things happen, then CALM ones in which all comes to rest
CALM, LONG = 16, 25
ROOMS = 8  # sources of so many rooms each
EACH = 13
DATES = (
    datetime(2026, 3, 29, 0, 56, tzinfo=UTC),  # the clocks of Amsterdam go on an hour soon
    datetime(2026, 10, 25, 0, 56, tzinfo=UTC),  # and back
    datetime(2026, 6, 10, 11, 56, tzinfo=UTC),
)
BAND, HOT = 21.0, 30.0
LOW, HIGH = 20.0, 23.0
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Act:
    """What a person does at a step: `path` of the API, and its body."""

    path: str
    body: Mapping[str, Any]


@dataclass
class Scenario:
    """`times` are the instants of the steps as the machine's clock shows them, which may be `set` by so many seconds.

    `values[source][step]` are rows, or the status of a failure.
    """

    seed: int
    times: list[int] = field(default_factory=list)
    set: dict[int, int] = field(default_factory=dict)  # step -> seconds against the right time from then on
    values: dict[str, list[Rows | int]] = field(default_factory=dict)
    acts: dict[int, list[Act]] = field(default_factory=dict)
    pings: dict[int, list[str]] = field(default_factory=dict)
    receivers: dict[str, dict[int, str]] = field(default_factory=dict)
    reloads: dict[int, int] = field(default_factory=dict)  # step -> version of the configuration
    _configs: tuple[dict[str, Any], ...] = ()

    def config(self, version: int, world: str) -> dict[str, Any]:
        """A version of the configuration for a world at this address."""
        return _with_address(self._configs[version], world)

    def ahead_at(self, step: int) -> int:
        """Seconds that the clock is ahead of the right time."""
        return next((by for since, by in sorted(self.set.items(), reverse=True) if since <= step), 0)

    def passed(self, step: int) -> float:
        """Seconds since the step before, whatever the clock says."""
        shown = (self.times[step] - self.times[step - 1]) / 1e6
        return shown - (self.ahead_at(step) - self.ahead_at(step - 1))

    @property
    def version_at(self) -> Callable[[int], int]:
        return lambda step: next((v for s, v in sorted(self.reloads.items(), reverse=True) if s <= step), 0)


def scenario(seed: int) -> Scenario:
    """The scenario of a seed. In two of three the clock is set an hour ahead or back, and right again later."""
    rng = random.Random(seed)
    made = Scenario(seed, _times(rng), _wrong_clock(seed))
    for number in range(ROOMS):
        made.values[f"rooms{number}"] = _rows(rng, "room", [f"{number}-{n:02}" for n in range(EACH)], 0.0)
    made.values["flaky"] = _with_failures(rng, _rows(rng, "room", [f"flaky-{n:02}" for n in range(12)]))
    made.values["stamped"] = _stamped(rng, made.times, _rows(rng, "room", [f"stamped-{n:02}" for n in range(12)]))
    made.values["sales"] = [_sales(rng) for _ in made.times]
    made.values["minutely"] = _rows(rng, "room", [f"minutely-{n:02}" for n in range(6)])
    made.values["pushed"] = _rows(rng, "room", [f"pushed-{n:02}" for n in range(12)], 0.0)
    made.values["visits"] = _visits(random.Random(f"visits {seed}"), made.times)
    _fill_after_pauses(made)
    made.acts = _acts(rng)
    made.pings = {step: [f"job{rng.randrange(6)}"] for step in range(LENGTH) if rng.random() < 0.3}
    made.receivers = _receivers(rng)
    _take_before_pauses(made)
    made.reloads = {rng.randrange(8, 14): 1, rng.randrange(18, 24): 0, rng.randrange(27, 34): 1}
    made._configs = _config(seed, 0), _config(seed, 1)
    made.times = [at + made.ahead_at(step) * 1_000_000 for step, at in enumerate(made.times)]  # sources have right ones
    return made


def _wrong_clock(seed: int) -> dict[int, int]:
    rng, wrong = random.Random(f"clock {seed}"), (0, HOUR, -HOUR)[seed % 3]
    first = rng.randrange(3, LENGTH - 12)
    return {first: wrong, rng.randrange(first + 3, LENGTH - 2): 0} if wrong else {}


def _times(rng: random.Random) -> list[int]:
    """Ten seconds from step to step; now and then the daemon hears nothing for minutes."""
    at = int(rng.choice(DATES).timestamp())
    away = set(rng.sample(range(5, LENGTH), 3))
    found = []
    for step in range(LENGTH + CALM):
        found.append(at * 1_000_000)
        at += LONG if step >= LENGTH else STEP * rng.randrange(12, 40) if step in away else STEP
    return found


def _rows(rng: random.Random, label: str, names: list[str], odd: float = 0.1) -> list[Rows | int]:
    """Numbers that go out of band for a while and come back, are missing, or no numbers."""
    courses = {name: _course(rng, odd) for name in names}
    return [
        [{label: name, "value": course[step]} for name, course in courses.items() if course[step] != "missing"]
        for step in range(LENGTH + CALM)
    ]


def _course(rng: random.Random, odd: float) -> list[Any]:
    """In and out of band by turns.

    A turn never ends in the very step in which an alert's `for` or an escalation is due: which of the two comes first
    is then a matter of milliseconds, and rightly another after a restart, where a poll comes before anything fires.
    """
    found: list[Any] = []
    calm = rng.choice([(1, 3, 5), (5, 7, 9, 13), (9, 13, 21, 34)])
    while len(found) < LENGTH:
        found += _turn(rng, odd, rng.choice(calm), lambda: BAND + rng.choice([0.0, 0.5, 1.9]))
        found += _turn(rng, odd, rng.choice([1, 4, 7, 10]), lambda: rng.choice([15.0, 26.0, HOT, 45.0]))
    return found[:LENGTH] + [BAND] * CALM


def _turn(rng: random.Random, odd: float, length: int, value: Callable[[], float]) -> list[Any]:
    """So many steps with a value that changes each third one; in the middle one may be missing, or be no number."""
    found: list[Any] = []
    for step in range(length):
        found.append(value() if step == 0 or step % 3 == 1 else found[-1])
    for step in range(2, length - 2):
        if rng.random() < odd:
            found[step] = rng.choice([None, "missing"])
    return found


def _after_pauses(made: Scenario) -> list[int]:
    """The steps before which minutes passed, or the clock was set."""
    pauses = {step for step in range(1, LENGTH) if made.times[step] - made.times[step - 1] > STEP * 1_000_000}
    return sorted(pauses | made.set.keys())


def _take_before_pauses(made: Scenario) -> None:
    """Nothing waits to be tried again during a pause: it would be overtaken by a reminder, or not, as it happens."""
    for step in _after_pauses(made):
        for answers in made.receivers.values():
            for before in range(step - 3, step):
                if answers.get(before) != "410":
                    answers.pop(before, None)


def _fill_after_pauses(made: Scenario) -> None:
    """What is read first after minutes is there: else it is looked for again a second later, and by a restart at once."""
    steps = _after_pauses(made)
    for name in ("flaky", "stamped", "minutely"):
        for step in steps:
            rows, before = made.values[name][step], made.values[name][step - 1]
            if isinstance(rows, int) or isinstance(before, int):
                continue
            known = {row["room"]: row["value"] for row in rows if row["value"] is not None}
            last = {row["room"]: row["value"] for row in before if row["value"] is not None}
            rooms = {row["room"] for earlier in made.values[name] if not isinstance(earlier, int) for row in earlier}
            for room in sorted(rooms - known.keys()):
                rows[:] = [row for row in rows if row["room"] != room]
                stamp = {key: value for row in rows for key, value in row.items() if key == "time"}
                rows.append({"room": room, "value": last.get(room, HOT), **stamp})


def _with_failures(rng: random.Random, rows: list[Rows | int]) -> list[Rows | int]:
    found = list(rows)
    for start in rng.sample(range(LENGTH - 8), 2):
        for step in range(start, start + rng.randrange(1, 5)):
            found[step] = 500
    return found


def _stamped(rng: random.Random, times: list[int], rows: list[Rows | int]) -> list[Rows | int]:
    """Rows with the source's own time, which leaps an hour ahead for a while, and comes late at other times."""
    leap = rng.randrange(5, LENGTH - 10)
    found: list[Rows | int] = []
    for step, (now, these) in enumerate(zip(times, rows, strict=True)):
        assert isinstance(these, list)
        shift = 3600 if leap <= step < leap + 5 else -rng.choice([0, 0, 0, 20, 70]) if step < LENGTH else 0
        found.append([{**row, "time": now // 1_000_000 + shift} for row in these])
    return found


def _sales(rng: random.Random) -> Rows:
    return [{"shop": f"shop{n:02}", "value": rng.choice([0, 1, 2, 5])} for n in range(20)]


def _visits(rng: random.Random, times: list[int]) -> list[Rows | int]:
    """Rows with their own time: those of twelve days before the first step, in it; and then and now a very odd one."""

    def row(number: int, at: int, *, odd: bool) -> dict[str, Any]:
        return {"place": f"place{number}", "value": 5000 if odd else 100 + rng.randrange(-5, 6), "time": at}

    starts = {number: rng.sample(range(3, LENGTH), 2) for number in range(PLACES)}
    found: list[Rows | int] = []
    for step, now in enumerate(times):
        at, past = now // 1_000_000, range(576, 0, -1) if step == 0 else ()
        rows = [row(number, at - half * HOUR // 2, odd=False) for half in past for number in range(PLACES)]
        odd = {number for number in range(PLACES) if any(0 <= step - start < 4 for start in starts[number])}
        found.append([*rows, *(row(number, at, odd=number in odd) for number in range(PLACES))])
    return found


def _acts(rng: random.Random) -> dict[int, list[Act]]:
    found: dict[int, list[Act]] = {}
    for step in range(4, LENGTH):
        acts = found.setdefault(step, [])
        target = f"room{rng.randrange(ROOMS)}-{rng.randrange(EACH):02}"
        if rng.random() < 0.15:
            matcher = rng.choice([f'target="{target}"', f'target=~"{target[:5]}-.*"'])
            acts.append(Act("silences", {"matchers": [matcher], "by": "ann", "reason": f"step {step}", "for": "2m"}))
        if rng.random() < 0.3:
            acts.append(Act("ack", {"by": "bob", "note": f"step {step}"}))
        if rng.random() < 0.4:
            acts.append(Act(rng.choice(["approve", "approve", "reject"]), {"by": "cid"}))
        if rng.random() < 0.06:
            acts.append(Act("corrections/switch", {"by": "ann", "on": step % 2 == 0, "note": "drill"}))
    found[LENGTH] = [Act("corrections/switch", {"by": "ann", "on": True})]
    return found


def _receivers(rng: random.Random) -> dict[str, dict[int, str]]:
    """How receivers answer in some steps: 500, 429, lost (taken, but the answer never comes), 410."""
    found: dict[str, dict[int, str]] = {}
    for name in ("all", "team", "boss", "group"):
        for _ in range(3):
            start, how = (
                rng.randrange(LENGTH - 6),
                rng.choice(["500", "429", "lost", "late" if name == "boss" else "500"]),
            )
            found.setdefault(name, {}).update(dict.fromkeys(range(start, start + rng.randrange(1, 6)), how))
    found["gone"] = dict.fromkeys(range(12, 20), "410")
    return found


def _config(seed: int, version: int) -> dict[str, Any]:
    targets = targets_of(random.Random(f"targets {seed}"), version)
    webhook = {"type": "webhook"}
    names = ("all", "team", "boss", "group", "gone")
    actions = {
        name: {"type": "webhook", "url": f"WORLD/act/{name}/{{{{ target }}}}"}
        for name in ("heal", "idle", "busy", "undo")
    }
    actions["idle"]["breaker"] = {"failures": 100, "pause": "1m"}
    return {
        "defaults": {"timezone": "Europe/Amsterdam", "every": f"{STEP}s"},
        "sources": _sources(),
        "targets": targets,
        "actions": actions,
        "receivers": {name: [{**webhook, "url": f"WORLD/hook/{name}"}] for name in names}
        | {"boss": [{**webhook, "url": "WORLD/hook/boss", "timeout": f"{LATE:g}s"}]},
        "route": {
            "receiver": "group",
            "group_by": ["target"],
            "group_wait": "20s",
            "group_interval": "40s" if version == 0 else "60s",
            "repeat_interval": "4m",
            "routes": [
                {"matchers": ['severity="critical"'], "receiver": "team", "group_by": ["..."], "group_wait": "0s"},
                {
                    "matchers": ['tier="low"'],
                    "receiver": "group",
                    "group_by": ["tier"],
                    "mute_time_intervals": ["dark"],
                },
            ],
        },
        "inhibit_rules": [
            {"source_matchers": ['alertname="main"'], "target_matchers": ['alertname="side"'], "equal": ["wing"]}
        ],
        "time_intervals": {"dark": [{"times": [{"start": "02:58", "end": "03:04"}], "location": "Europe/Amsterdam"}]},
        "reports": {
            "now-and-then": {"cron": "2 * * * *", "targets": ["room0-00", "shop00"], "to": ["all"], "format": "chart"}
        },
    }


def _sources() -> dict[str, Any]:
    reading = {"series": "temperature", "select": "rows", "value": "value", "labels": {"room": "room"}}

    def polled(name: str, **more: Any) -> dict[str, Any]:
        return {"type": "http", "url": f"WORLD/source/{name}", "readings": [reading], **more}

    found: dict[str, Any] = {f"rooms{n}": polled(f"rooms{n}") for n in range(ROOMS)}
    found["flaky"] = polled("flaky")
    found["stamped"] = polled("stamped", readings=[{**reading, "time": "time"}])
    sold = {"series": "sold", "select": "rows", "value": "value", "labels": {"shop": "shop"}}
    found["sales"] = polled("sales", readings=[sold])
    found["minutely"] = polled("minutely", cron="* * * * *")
    found["pushed"] = {"type": "webhook", "readings": [reading]}
    visit = {"series": "visits", "select": "rows", "value": "value", "labels": {"place": "place"}, "time": "time"}
    found["visits"] = {"type": "webhook", "readings": [visit]}
    found |= {f"job{n}": {"type": "checkin", "schedule": "*/2 * * * *", "grace": "20s"} for n in range(6)}
    return found


def _with_address(value: Any, world: str) -> Any:
    if isinstance(value, str):
        return value.replace("WORLD", world)
    if isinstance(value, dict):
        return {key: _with_address(one, world) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_address(one, world) for one in value]
    return value
