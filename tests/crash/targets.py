"""Two hundred targets of mixed kinds, drawn from a seed."""

from __future__ import annotations

import random
from typing import Any

Section = dict[str, Any]
WAITS = ("0s", "0s", "20s", "50s")
PLACES = 3  # with numbers of days, so that it is known what is usual


def targets_of(rng: random.Random, version: int) -> dict[str, Section]:
    """The targets of a version of the configuration: the other one has some more, some fewer, and other times."""
    found: dict[str, Section] = {}
    for source in range(8):
        for number in range(13):
            name = f"{source}-{number:02}"
            found[f"room{name}"] = _band(rng, name, version if number % 4 == 0 else 0)
            if number in {3, 4, 5}:
                found[f"room{name}"]["correct"] = [_correct(rng, ("heal", "idle", "busy")[number - 3])]
            if number == 6:
                found[f"room{name}"]["depends_on"] = [f"room{source}-07"]
    for number in range(12):
        found[f"flaky{number:02}"] = _patient(_band(rng, f"flaky-{number:02}", 0)) | {"no_data": _no_data(rng)}
        found[f"stamped{number:02}"] = _stamped(rng, f"stamped-{number:02}", number)
        found[f"pushed{number:02}"] = _band(rng, f"pushed-{number:02}", 0) | {"no_data": _no_data(rng)}
    for number in range(20):
        found[f"shop{number:02}"] = _period(rng, number)
    for number in range(6):
        found[f"minutely{number:02}"] = _band(rng, f"minutely-{number:02}", 0)
        found[f"job{number}"] = {"source": f"job{number}", "alerts": [_alert(rng, "late", "missed")]}
    for number in range(10):
        rooms = [f'temperature{{room="{number % 8}-{rng.randrange(13):02}"}}' for _ in range(2)]
        condition = f"last({rooms[0]}) < 25 or last({rooms[1]}) < 25"
        found[f"both{number:02}"] = {"goal": {"condition": condition}, "alerts": [_alert(rng, "off", "out_of_band")]}
    found["wing"] = _wing(rng)
    found |= _over_time(random.Random(rng.random()))
    if version:
        del found["pushed05"], found["shop02"]
        found["new"] = _band(rng, "pushed-01", 0)
    return found


def _alert(rng: random.Random, name: str, when: str) -> Section:
    made: Section = {"name": name, "when": when, "severity": rng.choice(["info", "warning", "critical"])}
    if rng.random() < 0.7:
        made["notify"] = [rng.choice(["all", "all", "team", "boss", "gone"])]
    elif rng.random() < 0.4:
        made["labels"] = {"tier": "low"}
    if rng.random() < 0.3:
        made["keep_firing_for"] = rng.choice(["20s", "40s"])
    if rng.random() < 0.2:
        made["escalate"] = [{"after": rng.choice(["30s", "1m"]), "to": "boss"}]
    if rng.random() < 0.1:
        made["repeat_interval"] = "90s"
    return made


def _band(rng: random.Random, room: str, version: int) -> Section:
    alert = _alert(rng, "off", "out_of_band")
    kind = rng.random()
    if kind < 0.15:
        alert["for"] = {"breaches": 2, "of": 4}
    elif kind < 0.25:
        alert["flapping"] = {"low": "20%", "high": "40%", "of": 5}
    else:
        wait = rng.choice(WAITS)
        alert["for"] = "30s" if version else wait
    if kind < 0.25:
        alert.pop("escalate", None)  # when it fires is not said by the length of a turn
    if rng.random() < 0.25:
        alert["worse"] = [{"severity": "page", "at_most": 40, "notify": ["boss"]}]
    made: Section = {"series": f'temperature{{room="{room}"}}', "goal": {"at_least": 20, "at_most": 23}}
    if rng.random() < 0.3:
        made["recover"] = {"at_least": 20, "at_most": 22}
    return made | {"alerts": [alert]}


def _patient(target: Section) -> Section:
    """Nobody hears of it by time alone: its readings may be missing just then."""
    for alert in target["alerts"]:
        alert.pop("escalate", None)
        alert["for"] = "0s"
    return target


def _correct(rng: random.Random, action: str) -> Section:
    made: Section = {
        "on": "off",
        "action": action,
        "cooldown": rng.choice(["20s", "1m"]),
        "max_attempts": 2,
        "verify": {"within": rng.choice(["20s", "40s"])},
    }
    if rng.random() < 0.3:
        made["approval"] = {"within": "1m"}
    if rng.random() < 0.3:
        made["undo"] = {"action": "undo", "on": rng.choice(["failed", "resolved"])}
    if rng.random() < 0.5:
        made["escalate"] = {"to": "boss"}
    if rng.random() < 0.3:
        made["verify"] = {"within": "30s"}  # when it fails then is in no order with the first look at its group
        made["precondition"] = f'last(temperature{{room="{rng.randrange(8)}-{rng.randrange(13):02}"}}) < 40'
    return made


def _no_data(rng: random.Random) -> Section:
    return {"after": rng.choice(["30s", "1m"]), "then": rng.choice(["alert", "keep", "ok"])}


def _stamped(rng: random.Random, room: str, number: int) -> Section:
    if number % 3:
        return _patient(_band(rng, room, 0))
    goal = {"measure": ("mean", "p95", "max")[number % 9 // 3], "at_most": 24, "per": "2m"}
    made = {"series": f'temperature{{room="{room}"}}', "goal": goal, "alerts": [_alert(rng, "high", "missed")]}
    return _patient(made)


def _period(rng: random.Random, number: int) -> Section:
    per = ("hour", "2m", "day", "5m")[number % 4]
    goal = {"measure": "sum", "at_least": {"hour": 700, "2m": 22, "day": 900, "5m": 60}[per], "per": per}
    alerts = [_alert(rng, "missed", "missed")]
    if per in {"hour", "day"}:
        alerts.append(_alert(rng, "behind", "behind"))
    for (
        alert
    ) in alerts:  # told at once: a restart looks just before a poll at what time may have changed, and whether a
        alert.setdefault("notify", ["all"])  # group is looked at in between would say more or less of that very instant
    return {"series": f'sold{{shop="shop{number:02}"}}', "goal": goal, "alerts": alerts}


def _over_time(rng: random.Random) -> dict[str, Section]:
    """What is judged by more than the newest reading of one series: windows, rooms together, budgets, what is usual."""
    found: dict[str, Section] = {}
    for number in range(4):
        room = f"{number}-{rng.randrange(13):02}"
        goal: Section = {"condition": f"avg(temperature{{room=\"{room}\"}}, '100s') < 24"}
        found[f"window{number}"] = {"goal": goal, "alerts": [_alert(rng, "off", "out_of_band")]}
        goal = {"at_least": 20, "at_most": 23}
        series = {"series": f'temperature{{source="rooms{number}"}}', "combine": ("mean", "max")[number % 2]}
        found[f"floor{number}"] = {**series, "goal": goal, "alerts": [_alert(rng, "off", "out_of_band")]}
        goal = {"measure": "share", "where": "value > 0", "at_least": "80%", "per": "10m"}
        burning = _alert(rng, "burning", "burning") | {"burn": [{"rate": 1.5, "long": "2m", "short": "30s"}]}
        found[f"budget{number}"] = {"series": f'sold{{shop="shop{number:02}"}}', "goal": goal, "alerts": [burning]}
    for number in range(PLACES):
        alerts = [_alert(rng, "unusual", "unusual")]
        found[f"place{number}"] = {"series": f'visits{{place="place{number}"}}', "alerts": alerts}
    return {name: _patient(target) for name, target in found.items()}


def _wing(rng: random.Random) -> Section:
    """One target of many instances, whose alerts are one group, and one of which inhibits the other."""
    main, side = _alert(rng, "main", "out_of_band"), _alert(rng, "side", "out_of_band")
    for alert in (main, side):
        alert.pop("notify", None)
        alert |= {"severity": "warning", "labels": {"wing": "7"}}
    main["for"] = "20s"
    return {
        "series": 'temperature{source="rooms7"}',
        "by": ["room"],
        "goal": {"at_least": 20, "at_most": 23},
        "alerts": [main, side],
    }
