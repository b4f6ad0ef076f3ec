"""Routes mean what they mean in Alertmanager: the same file, asked of `amtool` and of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config.errors import ConfigErrors
from agent.config.load import load
from rules.model import labels_of
from rules.routing import routes_for

NAMES = ("team", "site", "severity")
VALUES = ("a", "b", "ab", "", "a.b", 'say "x"', "ü")
PATTERNS = (
    "a|b",
    "a.*",
    ".*",
    ".+",
    "",
    "[ab]+",
    "a\\.b",
    "(?i)A",
    "[[:alpha:]]+",
    r"\w+",
    "x|(?i)A",
    r"\Qa.b\E",
    r"a\z",
)


@pytest.fixture(scope="module")
def amtool() -> str:
    found = shutil.which("amtool")
    if found is None:
        pytest.skip("amtool is not installed")
    return found


def quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


plain = st.tuples(st.sampled_from(NAMES), st.sampled_from(("=", "!=")), st.sampled_from(VALUES))
regular = st.tuples(st.sampled_from(NAMES), st.sampled_from(("=~", "!~")), st.sampled_from(PATTERNS))
matcher = st.one_of(plain, regular)


def spelled(part: tuple[str, str, str], how: int) -> str:
    name, op, value = part
    bare = how == 0 and value and value.replace("|", "").isalnum()
    return [f"{name}{op}{value if bare else quoted(value)}", f" {name} {op} {quoted(value)} "][how % 2]


matchers = st.lists(st.tuples(matcher, st.integers(0, 1)), min_size=1, max_size=2).map(
    lambda parts: [spelled(part, how) for part, how in parts]
)
children = st.recursive(
    st.fixed_dictionaries({"matchers": matchers}, optional={"continue": st.booleans()}),
    lambda inner: st.fixed_dictionaries(
        {"matchers": matchers, "routes": st.lists(inner, max_size=3)}, optional={"continue": st.booleans()}
    ),
    max_leaves=6,
)
labels = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES).filter(bool), max_size=3)


def numbered(node: dict[str, Any], numbers: Iterator[int]) -> dict[str, Any]:
    """The tree with a receiver of its own at every node but some, which inherit."""
    number = next(numbers)
    routes = [numbered(child, numbers) for child in node.get("routes", ())]
    own = {} if number % 4 == 3 else {"receiver": f"r{number}"}
    return {**node, **own, "routes": routes}


def receivers_of(node: dict[str, Any]) -> Iterator[str]:
    if "receiver" in node:
        yield node["receiver"]
    for child in node["routes"]:
        yield from receivers_of(child)


def write(folder: Path, route: dict[str, Any], **more: Any) -> tuple[Path, Path]:
    """The same sections as a file of Alertmanager and as one of ours. JSON is YAML."""
    names = sorted(set(receivers_of(route)))
    theirs, ours = folder / "alertmanager.yml", folder / "setpoint.yaml"
    theirs.write_text(json.dumps({"route": route, "receivers": [{"name": name} for name in names], **more}))
    receivers = {name: [{"type": "console"}] for name in names}
    ours.write_text(json.dumps({"route": route, "receivers": receivers, **more}))
    return theirs, ours


@given(st.lists(children, max_size=4), labels)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_alert_goes_where_amtool_says(
    amtool: str, tmp_path: Path, tree: list[dict[str, Any]], found: dict[str, str]
) -> None:
    route = numbered({"receiver": "", "routes": tree}, iter(range(1000)))
    theirs, ours = write(tmp_path, route)
    # amtool reads its arguments as matchers, so values are quoted
    given_labels = [f"{name}={quoted(value)}" for name, value in found.items()]
    asked = [amtool, "config", "routes", "test", f"--config.file={theirs}", *given_labels]
    said = subprocess.run(asked, capture_output=True, text=True, check=True)
    tree_of_ours = load(ours, {}).route
    assert tree_of_ours is not None
    assert ",".join(node.receiver for node in routes_for(tree_of_ours, labels_of(found))) == said.stdout.strip()


def both(amtool: str, folder: Path, route: dict[str, Any], **more: Any) -> tuple[bool, bool]:
    """Whether amtool and we accept a configuration."""
    theirs, ours = write(folder, route, **more)
    said = subprocess.run([amtool, "check-config", str(theirs)], capture_output=True, check=False)
    try:
        load(ours, {})
    except ConfigErrors:
        return said.returncode == 0, False
    return said.returncode == 0, True


ROOT = {"receiver": "r0", "routes": []}
NIGHT = {"name": "night", "time_intervals": [{"weekdays": ["saturday"]}]}


@pytest.mark.parametrize(
    ("route", "more"),
    [
        ({**ROOT, "group_by": ["a", "b"]}, {}),
        ({**ROOT, "group_by": ["a", "a"]}, {}),
        ({**ROOT, "group_by": ["..."]}, {}),
        ({**ROOT, "group_by": ["...", "a"]}, {}),
        ({**ROOT, "group_wait": "0s"}, {}),
        ({**ROOT, "group_interval": "0s"}, {}),
        ({**ROOT, "repeat_interval": "0s"}, {}),
        ({**ROOT, "repeat_interval": "1h30m"}, {}),
        ({**ROOT, "matchers": ["a=b"]}, {}),
        ({"routes": []}, {}),
        ({**ROOT, "mute_time_intervals": ["night"]}, {"time_intervals": [NIGHT]}),
        ({**ROOT, "active_time_intervals": ["night"]}, {"time_intervals": [NIGHT]}),
        ({**ROOT, "routes": [{"mute_time_intervals": ["night"], "routes": []}]}, {"time_intervals": [NIGHT]}),
        ({**ROOT, "routes": [{"active_time_intervals": ["nite"], "routes": []}]}, {"time_intervals": [NIGHT]}),
        ({**ROOT, "routes": [{"receiver": "r1", "group_by": [], "routes": []}]}, {}),
        (ROOT, {"time_intervals": [NIGHT, NIGHT]}),
        (ROOT, {"inhibit_rules": [{"source_matchers": ["a=b"], "target_matchers": ['{c=~"d"}'], "equal": ["e"]}]}),
        (ROOT, {"inhibit_rules": [{"source_matchers": ["a=~("]}]}),
        (ROOT, {"inhibit_rules": [{"source_matcher": ["a=b"]}]}),
    ],
)
def test_what_is_refused_there_is_refused_here(
    amtool: str, tmp_path: Path, route: dict[str, Any], more: dict[str, Any]
) -> None:
    theirs, ours = both(amtool, tmp_path, route, **more)
    assert theirs == ours


@pytest.mark.parametrize(
    "part",
    [
        {"times": [{"start_time": "09:00", "end_time": "17:00"}]},
        {"times": [{"start_time": "09:00", "end_time": "24:00"}]},
        {"times": [{"start_time": "9:00", "end_time": "17:00"}]},
        {"times": [{"start_time": "09:00", "end_time": "25:00"}]},
        {"times": [{"start_time": "09:00", "end_time": "09:00"}]},
        {"times": [{"start_time": "09:00"}]},
        {"weekdays": ["monday:friday", "Sunday"]},
        {"weekdays": ["mon"]},
        {"weekdays": ["monday:"]},
        {"days_of_month": ["1:5", "-3:-1", "31"]},
        {"days_of_month": ["0"]},
        {"days_of_month": ["5:1"]},
        {"days_of_month": ["-1:-3"]},
        {"days_of_month": ["-3:5"]},
        {"days_of_month": ["1:-1"]},
        {"days_of_month": ["32"]},
        {"months": ["january:march", "7:9", "DECEMBER"]},
        {"years": ["2026:2030", "2040"]},
        {"years": ["2030:2026"]},
        {"location": "Europe/Amsterdam"},
        {"location": "Europe/Nowhere"},
        {"dayz": ["1"]},
    ],
    ids=json.dumps,
)
def test_time_intervals_are_written_as_there(amtool: str, tmp_path: Path, part: dict[str, Any]) -> None:
    theirs, ours = both(amtool, tmp_path, ROOT, time_intervals=[{"name": "x", "time_intervals": [part]}])
    assert theirs == ours
