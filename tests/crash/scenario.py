"""What happens in a run, all of it from one seed: the configurations, the numbers, and what people do."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.crash import plant
from tests.crash.courses import CALM, HOT, HOUR, LENGTH, LONG, STEP, Rows, rows, sales, stamped, visits, with_failures
from tests.crash.targets import targets_of
from tests.crash.workspace import CHANNEL

BEAT = 30  # seconds from one sign of life to the next
BUDGETS = (30, 16)  # calls a minute of all corrections, in each version of the configuration
FALLBACK = "group"  # the receiver that hears of what others could not be told
LATE = 20.0  # seconds that the one receiver that may not answer at all is waited for

ROOMS = 8  # sources of so many rooms each
EACH = 13
DATES = (
    datetime(2026, 3, 29, 0, 56, tzinfo=UTC),  # the clocks of Amsterdam go on an hour soon
    datetime(2026, 10, 25, 0, 56, tzinfo=UTC),  # and back
    datetime(2026, 6, 10, 11, 56, tzinfo=UTC),
)


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
    mistakes: list[int] = field(default_factory=list)  # steps in which one is to be loaded that is wrong
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
    def takes_out(self) -> bool:
        """Whether a reload takes out targets whose corrections are then taken back.

        What was taken out while the daemon was not running it does not know, so no kill comes before it knows.
        """
        return self.seed % 2 == 0

    @property
    def version_at(self) -> Callable[[int], int]:
        return lambda step: next((v for s, v in sorted(self.reloads.items(), reverse=True) if s <= step), 0)


def scenario(seed: int) -> Scenario:
    """The scenario of a seed. In two of three the clock is set an hour ahead or back, and right again later."""
    rng = random.Random(seed)
    made = Scenario(seed, _times(rng), _wrong_clock(seed))
    for number in range(ROOMS):
        made.values[f"rooms{number}"] = rows(rng, "room", [f"{number}-{n:02}" for n in range(EACH)], 0.0)
    made.values["flaky"] = with_failures(rng, rows(rng, "room", [f"flaky-{n:02}" for n in range(12)]))
    made.values["stamped"] = stamped(rng, made.times, rows(rng, "room", [f"stamped-{n:02}" for n in range(12)]))
    made.values["sales"] = [sales(rng) for _ in made.times]
    made.values["minutely"] = rows(rng, "room", [f"minutely-{n:02}" for n in range(6)])
    made.values["pushed"] = rows(rng, "room", [f"pushed-{n:02}" for n in range(12)], 0.0)
    made.values["visits"] = visits(random.Random(f"visits {seed}"), made.times)
    made.values["plant"] = plant.units(seed)
    made.values["gauges"] = plant.gauges(seed)
    made.values["plans"] = plant.plans(seed, made.times)
    _fill_after_pauses(made)
    made.acts = _acts(rng)
    made.pings = _pings(rng, random.Random(f"pings {seed}"))
    made.receivers = _receivers(rng, random.Random(f"slack {seed}"))
    _take_before_pauses(made)
    made.reloads = {rng.randrange(8, 14): 1, rng.randrange(18, 24): 0, rng.randrange(27, 34): 1}
    rest = [step for step in range(2, LENGTH) if step not in made.reloads]
    made.mistakes = random.Random(f"mistakes {seed}").sample(rest, 3)
    made._configs = _config(seed, 0), _config(seed, 1)
    made.times = [at + made.ahead_at(step) * 1_000_000 for step, at in enumerate(made.times)]  # sources have right ones
    for step, deeds in plant.deeds(seed, made.times).items():
        made.acts.setdefault(step, []).extend(Act(*deed) for deed in deeds)
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
    """What is read first after minutes is there, and of now: else there is another look a second later, and by a restart
    at once."""
    steps = _after_pauses(made)
    for name in ("flaky", "stamped", "minutely"):
        for step in steps:
            rows, before = made.values[name][step], made.values[name][step - 1]
            if isinstance(rows, int) or isinstance(before, int):
                continue
            for row in (row for row in rows if "time" in row):
                row["time"] = made.times[step] // 1_000_000
            known = {row["room"]: row["value"] for row in rows if row["value"] is not None}
            last = {row["room"]: row["value"] for row in before if row["value"] is not None}
            rooms = {row["room"] for earlier in made.values[name] if not isinstance(earlier, int) for row in earlier}
            for room in sorted(rooms - known.keys()):
                rows[:] = [row for row in rows if row["room"] != room]
                stamp = {key: value for row in rows for key, value in row.items() if key == "time"}
                rows.append({"room": room, "value": last.get(room, HOT), **stamp})


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


def _pings(rng: random.Random, how: random.Random) -> dict[int, list[str]]:
    """Which jobs check in at which steps, with success or otherwise."""
    jobs = {step: f"job{rng.randrange(6)}" for step in range(LENGTH) if rng.random() < 0.3}
    return {step: [job + how.choice(["", "", "", "/start", "/fail", "/log", "/3"])] for step, job in jobs.items()}


def _receivers(rng: random.Random, chat: random.Random) -> dict[str, dict[int, str]]:
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
    found["slack"] = {step: "500" for start in chat.sample(range(LENGTH - 6), 2) for step in range(start, start + 3)}
    return found


def _config(seed: int, version: int) -> dict[str, Any]:
    targets = targets_of(random.Random(f"targets {seed}"), version) | plant.targets_of(seed, version)
    webhook = {"type": "webhook"}
    names = ("all", "team", "boss", "group", "gone")
    actions = {
        name: {"type": "webhook", "url": f"WORLD/act/{name}/{{{{ target }}}}"}
        for name in ("heal", "idle", "busy", "undo")
    }
    actions["idle"]["breaker"] = {"failures": 100, "pause": "1m"}
    actions |= plant.actions_of(version)
    return {
        "defaults": {"timezone": "Europe/Amsterdam", "every": f"{STEP}s"},
        "heartbeat": {"url": "WORLD/beat", "every": f"{BEAT}s"},
        "sources": _sources(),
        "targets": targets,
        "actions": actions,
        "receivers": {name: [{**webhook, "url": f"WORLD/hook/{name}"}] for name in names}
        | {"boss": [{**webhook, "url": "WORLD/hook/boss", "timeout": f"{LATE:g}s"}]}
        | {"slack": [{"type": "slack", "channel": f"#{CHANNEL}"}]},
        "corrections": {"budget": f"{BUDGETS[version]}/m"},
        "route": {
            "receiver": FALLBACK,
            "group_by": ["target"],
            "group_wait": "20s",
            "group_interval": "40s" if version == 0 else "60s",
            "repeat_interval": "4m",
            "routes": [
                {"matchers": ['severity="critical"'], "receiver": "team", "group_by": ["..."], "group_wait": "0s"},
                {
                    "matchers": ['target=~"fan.*|main.*"'],
                    "receiver": "group",
                    "group_by": ["alertname"],
                    "active_time_intervals": ["light"],
                },
                {"matchers": ['target=~"bell.*"'], "receiver": "slack", "group_by": ["alertname"]},
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
        "time_intervals": {
            "dark": [{"times": [{"start": "02:58", "end": "03:04"}], "location": "Europe/Amsterdam"}],
            "light": [{"times": [{"start": "00:59", "end": "01:03"}, {"start": "11:58", "end": "12:03"}]}],  # UTC
        },
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
    level = {**reading, "series": "level", "labels": {"room": "room", "hall": "hall"}}
    found["plant"] = polled("plant", readings=[level])
    found["pushed"] = {"type": "webhook", "readings": [reading]}
    planned = [
        {"series": name, "select": f"rows[?plan=='{name}']", "value": "value", "time": "time", "ahead": "3h"}
        for name in ("quota", "course")
    ]
    found["plans"] = {"type": "webhook", "readings": planned}
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
