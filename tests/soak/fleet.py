"""The configuration of a run: so many sources of mixed kinds, and a target on each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.configs import HOOK

Section = dict[str, Any]
HTTP_KINDS = ("json", "json", "json", "tagged", "timed", "csv")
EXTRA = 10
ROOMS = 200  # of the source that is pushed in bursts


@dataclass(frozen=True)
class Places:
    """Addresses of the servers, by what they are for."""

    hosts: list[str]
    tell: str
    flaky: str
    act: str
    folder: Path
    postgres: str = ""


@dataclass
class Fleet:
    """The sources by kind; a source's name is its room's too."""

    size: int
    every: int  # seconds
    postgres: bool = False
    names: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        few = max(self.size // 25, 2)
        rest = {"file": few, "sql": few, "pushed": few, "checkin": max(few // 2, 1)}
        rest |= {"pg": max(few // 4, 1) if self.postgres else 0}
        kinds = [HTTP_KINDS[n % len(HTTP_KINDS)] for n in range(self.size - sum(rest.values()) - 1)]
        self.names = {"http": [f"{kind}-{n:04}" for n, kind in enumerate(kinds)]}
        self.names |= {kind: [f"{kind}-{n:04}" for n in range(count)] for kind, count in rest.items()}

    @property
    def rooms(self) -> list[str]:
        """Every source with a number."""
        return [name for kind in ("http", "file", "sql", "pg", "pushed") for name in self.names[kind]]

    def host(self, name: str, hosts: int) -> int:
        """On which host an HTTP source is."""
        return int(name.partition("-")[2]) % hosts

    def config(self, places: Places, version: int) -> Section:
        """One of two versions; the second has some sources more, and other bounds and times."""
        sources = self._sources(places)
        targets = {f"t-{name}": target(name, place, version) for place, name in enumerate(self.rooms)}
        targets |= {f"t-{name}": _late(name) for name in self.names["checkin"]} | {"wing": _wing()}
        for number in range(EXTRA if version else 0):
            name = f"extra-{number:04}"
            sources[name] = self._http(name, places)
            targets[f"t-{name}"] = target(name, 0, version)
        return {"defaults": {"timezone": "Europe/Amsterdam", "every": f"{self.every}s"}, "sources": sources} | {
            "targets": targets, **_telling(places, self.every)
        }  # fmt: skip

    def _http(self, name: str, places: Places) -> Section:
        reading: Section = {"series": "temperature", "select": "rows", "value": "value", "labels": {"room": "room"}}
        if name.startswith("csv"):
            del reading["select"]
        if name.startswith("timed"):
            reading["time"] = "time"
        url = f"{places.hosts[self.host(name, len(places.hosts))]}/{name}"
        return {"type": "http", "url": url, "timeout": f"{max(self.every // 2, 1)}s", "readings": [reading]}

    def _sources(self, places: Places) -> Section:
        reading = {"series": "temperature", "value": "value", "labels": {"room": "room"}}
        found = {name: self._http(name, places) for name in self.names["http"]}
        for name in self.names["file"]:
            found[name] = {"type": "file", "path": str(places.folder / f"{name}.csv"), "readings": [reading]}
        for name in [*self.names["sql"], *self.names["pg"]]:
            url = places.postgres if name.startswith("pg") else f"sqlite:///{places.folder / 'shop.db'}"
            query = "select room, value from rooms where room = :room"
            found[name] = {"type": "sql", "url": url, "query": query, "params": {"room": name}, "readings": [reading]}
        timed = reading | {"select": "rows", "time": "time"}
        for name in [*self.names["pushed"], "burst"]:
            found[name] = {"type": "webhook", "secret": HOOK, "readings": [timed]}
        for name in self.names["checkin"]:
            found[name] = {"type": "checkin", "every": f"{2 * self.every}s", "grace": f"{self.every}s"}
        return found


def target(room: str, place: int, version: int) -> Section:
    """What is wanted of a room; the kinds take turns."""
    series = f'temperature{{room="{room}"}}'
    alert: Section = {"name": "off", "when": "out_of_band", "notify": ["flaky" if place % 3 == 0 else "all"]}
    goal: Section = {"at_least": 20, "at_most": 24 if version and place % 12 == 0 else 23}
    made: Section = {"series": series, "goal": goal, "alerts": [alert]}
    kinds: list[tuple[Section, Section]] = [
        ({}, {}),
        ({"for": {"breaches": 2, "of": 3}}, {}),
        ({"keep_firing_for": "25s" if version else "15s"}, {}),
        ({"when": "missed"}, {"goal": {"measure": "mean", "at_most": 22.5, "per": "2m"}}),
        ({"when": "missed"}, {"goal": {"measure": "share", "where": "value < 25", "at_least": "99%", "per": "2m"}}),
        ({}, {"goal": {"condition": f"last({series}) < 25 and avg({series}, '1m') < 27"}, "series": None}),
        ({}, {"no_data": {"after": "45s", "then": "alert"}}),
        ({}, {"correct": [_correct("heal")]}),
        ({}, {"correct": [_correct("idle")]}),
        ({"for": "12s", "severity": "info", "worse": [{"severity": "page", "at_most": 28}]}, {}),
        ({"when": "missed"}, {"goal": {"measure": "p95", "at_most": 28, "per": "2m"}}),
        ({"notify": None, "labels": {"tier": "low"}}, {"recover": {"at_least": 20, "at_most": 22}}),
    ]
    of_alert, of_target = kinds[place % len(kinds)]
    alert |= of_alert
    if place % 8 == 5:
        alert["notify"] = ["team"]
    made |= of_target | {"alerts": [{key: value for key, value in alert.items() if value is not None}]}
    return {key: value for key, value in made.items() if value is not None}


def _correct(action: str) -> Section:
    made = {"on": "off", "action": action, "cooldown": "10s", "max_attempts": 2, "verify": {"within": "25s"}}
    return made | {"escalate": {"to": "boss"}}


def _late(name: str) -> Section:
    return {"source": name, "alerts": [{"name": "late", "when": "missed", "notify": ["all"]}]}


def _wing() -> Section:
    """Many instances of one target, told together."""
    made = {"series": 'temperature{source="burst"}', "by": ["room"], "goal": {"at_least": 20, "at_most": 23}}
    return made | {"alerts": [{"name": "off", "when": "out_of_band"}]}


def _telling(places: Places, every: int) -> Section:
    def hook(at: str, path: str) -> list[Section]:
        return [{"type": "webhook", "url": f"{at}/{path}", "secret": HOOK, "timeout": "3s"}]

    call = {"type": "webhook", "secret": HOOK, "timeout": "3s", "json": {"setpoint": 22}}
    return {
        "receivers": {
            "all": hook(places.tell, "all"),
            "flaky": hook(places.flaky, "flaky"),
            "boss": hook(places.tell, "boss"),
            "rest": hook(places.flaky, "rest"),
            "team": [{"type": "slack", "channel": "#growth"}],
        },
        "actions": {
            "heal": {**call, "url": f"{places.act}/heal/{{{{ target }}}}"},
            "idle": {**call, "url": f"{places.act}/idle/{{{{ target }}}}", "breaker": {"failures": 100}},
        },
        "route": {"receiver": "rest", "group_by": ["target"], "group_wait": "1s", "group_interval": f"{every}s"},
    }
