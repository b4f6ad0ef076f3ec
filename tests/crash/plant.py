"""A plant beside the rooms: where people end silences early and call by hand, calls are bounded, and plans are numbers.

Its units are named as their targets are. All of it is drawn from a seed of its own, so that it changes no room.
"""

from __future__ import annotations

import random
from typing import Any

from tests.crash.courses import HOUR, LENGTH, Rows, rows

Section = dict[str, Any]
KINDS = {
    "valve": 4,  # one thing for all, and a budget
    "pump": 5,  # a breaker that opens, and closes again
    "heater": 3,  # driven by a controller
    "cooler": 1,  # by a formula
    "fan": 4,  # corrected by hand only
    "mixer": 3,  # asked first, in one version of the configuration or in both, of a call that is another in each
    "drill": 1,  # dry runs
    "main": 3,
    "line": 3,  # held while the main of its number, or the source "flaky", is off
    "tank": 3,  # instances of a target whose `by` is another in each version
    "lamp": 3,  # instances of one target, each held while the instance of `halls` in its hall is off
    "vent": 3,  # in many runs taken out by a reload, which takes back what was called for them
    "bell": 6,  # told in Slack, the last two together; conditions, of which no chart is drawn
}
GAUGES = ("gauge-0", "gauge-1", "gauge-2")  # whose readings are sent to the API
UNITS = [f"{kind}-{number}" for kind, count in KINDS.items() for number in range(count)]
Deed = tuple[str, dict[str, Any]]  # path and body of what a person does


def units(seed: int) -> list[Rows | int]:
    """What the source `plant` gives from step to step."""
    found = rows(random.Random(f"plant {seed}"), "room", UNITS, 0.0)
    for each in found:
        assert isinstance(each, list)
        for row in each:
            row["hall"] = row["room"][-1]
    return found


def gauges(seed: int) -> list[Rows | int]:
    """What is sent to the API from step to step."""
    return rows(random.Random(f"gauges {seed}"), "room", list(GAUGES))


def plans(seed: int, times: list[int]) -> list[Rows | int]:
    """What is pushed of plans: quotas that are known ahead and revised, and the course that an hour is to take."""
    rng = random.Random(f"plans {seed}")
    hour = times[0] // 1_000_000 // HOUR * HOUR
    course = [{"plan": "course", "time": hour + n * 300, "value": rng.choice([20, 60, 90])} for n in range(24)]
    quota = [{"plan": "quota", "time": hour + n * HOUR, "value": 500 + 50 * n} for n in range(2)]
    found: list[Rows | int] = [[*course, *quota]]
    for _ in times[1:]:
        revised = {"plan": "quota", "time": hour + rng.randrange(2) * HOUR, "value": rng.choice([20, 60, 300, 700])}
        later = {**rng.choice(course), "value": rng.choice([20, 60, 90])}
        found.append([one for one in (revised, later) if rng.random() < 0.2])
    return found


def targets_of(seed: int, version: int) -> dict[str, Section]:
    """The targets of a version of the configuration."""
    rng = random.Random(f"plant targets {seed}")
    found = {name: _unit(rng, name, version) for name in UNITS if not name.startswith(("tank", "lamp"))}
    found["tanks"] = {
        "series": 'level{room=~"tank.*"}',
        "by": ["room", "hall"] if version else ["room"],
        "goal": {"at_least": 20, "at_most": 23},
        "no_data": {"after": "1m", "then": "alert"},
        "alerts": [_alert(rng)],
    }
    for number, plan in enumerate(({"series": "quota"}, {"2026-06-10": 40, "default": 90}, 900, 60)):
        goal: Section = {"measure": "sum", "at_least": plan, "per": ("hour", "day", "hour", "2m")[number]}
        if number == 2:
            goal["plan"] = "course"
        if number == 3:
            goal["at_least"] = {"series": "quota"}
        # Told at once: whether they end before or after the look at a group in that very instant, a restart decides.
        alerts = [_alert(rng) | {"name": "missed", "when": "missed", "notify": ["all"]}]
        alerts += [_alert(rng) | {"name": "behind", "when": "behind", "notify": ["team"]}] if number < 3 else []
        found[f"planned-{number}"] = {"series": f'sold{{shop="shop{10 + number}"}}', "goal": goal, "alerts": alerts}
    found |= {name: _unit(rng, name, version) for name in GAUGES}  # of what is called silence counts from a start on
    band = {"goal": {"at_least": 20, "at_most": 23}}
    found["halls"] = {"series": 'level{room=~"main.*"}', "by": ["hall"], **band, "alerts": [_alert(rng)]}
    lamps = {"series": 'level{room=~"lamp.*"}', "by": ["room", "hall"], "depends_on": ["halls"]}
    found["lamps"] = {**lamps, **band, "alerts": [_alert(rng)]}
    if version:
        del found["fan-3"]
        if seed % 2 == 0:
            del found["vent-0"], found["vent-1"], found["vent-2"]
    return found


def _alert(rng: random.Random) -> Section:
    made: Section = {"name": "off", "when": "out_of_band", "severity": rng.choice(["info", "warning", "critical"])}
    if rng.random() < 0.5:
        made["notify"] = [rng.choice(["all", "team", "boss"])]
    return made


def _unit(rng: random.Random, name: str, version: int) -> Section:
    kind, _, number = name.partition("-")
    alert = _alert(rng)
    made: Section = {
        "series": f'level{{room="{name}"}}',
        "goal": {"at_least": 20, "at_most": 23},
        "alerts": [alert],
    }
    if kind in {"fan", "main"}:
        alert["escalate"] = [{"after": "30s", "to": "team"}, {"after": "80s", "to": ["boss", "all"]}]
    if name == "fan-1":
        made["mute_time_intervals"] = ["dark"]
    if kind == "vent":
        alert["keep_firing_for"] = "3m"
    if kind == "bell":
        del made["series"]
        made["goal"] = {"condition": f'last(level{{room="{name}"}}) <= 23'}
        alert |= {"escalate": [{"after": "30s", "to": "slack"}]} | ({"keep_firing_for": "20s"} if number == "1" else {})
        alert["notify"] = ["slack"] if number < "4" else []
    if kind == "line":
        made["depends_on"] = [f"main-{number}"] if number != "2" else ["flaky"]
        made["correct"] = [{"on": "off", "action": "heal", "cooldown": "20s", "verify": {"within": "40s"}}]
    if kind in _CORRECTIONS:
        made["correct"] = [{"on": "off", **_CORRECTIONS[kind], "cooldown": rng.choice(["20s", "1m"])}]
    if kind == "mixer" and (number != "2" or version):
        made["correct"][0]["approval"] = {"within": "2m"}
    return made


_CORRECTIONS: dict[str, Section] = {
    "valve": {"action": "valve", "max_attempts": 2, "verify": {"within": "20s"}},
    "pump": {"action": "dull", "max_attempts": 1, "verify": {"within": "20s"}, "escalate": {"to": "team"}},
    "heater": {
        "action": "steer",
        "output": {"pid": {"kp": 8, "ki": 0.1, "kd": 1, "min": 0, "max": 100}},
        "max_attempts": 8,
        "verify": {"within": "20s"},
    },
    "cooler": {
        "action": "steer",
        "output": "{{ 44 - value }}",
        "max_attempts": 3,
        "verify": {"within": "40s"},
        "undo": {"action": "undo", "on": "resolved"},
    },
    "mixer": {"action": "mix", "max_attempts": 2, "verify": {"within": "40s"}, "undo": "undo"},
    "vent": {"action": "heal", "verify": {"within": "20s"}, "undo": {"action": "undo", "on": "resolved"}},
    "bell": {"action": "busy", "max_attempts": 2, "verify": {"within": "20s"}},
    "drill": {"action": "heal", "verify": {"within": "40s"}, "dry_run": True},
}


def actions_of(version: int) -> dict[str, Section]:
    """The actions of a version of the configuration."""

    def webhook(path: str, **more: Any) -> Section:
        return {"type": "webhook", "url": f"WORLD/act/{path}", "json": {"room": "{{ target }}"}, **more}

    return {
        "valve": webhook("valve/all", budget="3/m"),
        "dull": webhook("dull/{{ target }}", breaker={"failures": 2, "pause": "1m"}),
        "steer": webhook("steer/{{ target }}", json={"room": "{{ target }}", "power": "{{ output }}"}),
        "mix": webhook("heal/{{ target }}", json={"room": "{{ target }}", "speed": version}),
        "by-hand": webhook("heal/{{ target }}", budget="5/m"),
    }


def deeds(seed: int, times: list[int]) -> dict[int, list[Deed]]:
    """What people do at steps: silence for a while and end that early, silence from later on, have actions called."""
    rng = random.Random(f"deeds {seed}")
    found: dict[int, list[Deed]] = {step: [] for step in range(LENGTH + 1)}
    for step in range(4, LENGTH):
        reason = f"plant {step}"
        silence = {"matchers": [f'target=~"{rng.choice(list(KINDS))}.*"'], "by": "dee", "reason": reason, "for": "2m"}
        if rng.random() < 0.15:
            if rng.random() < 0.4 and step + 3 < LENGTH:
                silence["starts"] = times[step + 3] // 1_000_000
            found[step].append(("silences", silence))
            if rng.random() < 0.7:
                end = min(step + rng.randrange(1, 9), LENGTH)
                found[end].append(("expire", {"reason": reason, "by": "eve"}))
        if rng.random() < 0.4:
            unit = f"fan-{rng.randrange(KINDS['fan'])}"
            found[step].append(("run", {"action": "by-hand", "alert": unit, "by": "fay", "note": reason}))
    return found
