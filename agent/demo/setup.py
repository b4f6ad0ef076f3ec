"""The demo's configuration file and the daemon's environment: what a user would write, with this run's addresses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from agent.demo import room, slack, traffic

GOAL = 120_000  # what the month before had, rounded down
DAYS = 30  # of the period; half of them are over

_YAML = """\
# What the demo ran with. The three servers were on this machine; tokens and secrets come from the environment.
defaults: {{timezone: UTC, every: 2s}}

sources:
  analytics:
    type: http
    url: {traffic}
    auth: {{bearer: "${{TRAFFIC_TOKEN}}"}}
    readings:
      - {{series: visitors, select: data, time: date, value: uniqueVisitors, labels: {{site: site}}}}
  thermostat:
    type: http
    url: {room}
    every: 1s
    readings:
      - {{series: temperature, value: celsius, labels: {{room: room}}}}

targets:
  visitors:
    title: Unique visitors
    series: visitors{{site="www"}}
    goal: {{measure: sum, at_least: {goal}, per: {{from: {first}, to: {last}}}}}
    alerts:
      - {{name: behind, when: behind, severity: warning, notify: [growth]}}
  room-temperature:
    title: Room temperature
    unit: °C
    series: temperature
    by: [room]
    goal: {{at_least: 20, at_most: 23}}
    recover: {{at_least: 20.5, at_most: 22.5}}
    alerts:
      - {{name: out-of-band, when: out_of_band, for: 2s, severity: critical, notify: [facilities]}}
    correct:
      - on: out-of-band
        action: set-thermostat
        approval: none
        cooldown: 30s
        max_attempts: 3
        verify: {{within: 20s}}
        escalate: {{to: growth}}

actions:
  set-thermostat:
    type: webhook
    url: {room_of_label}
    json: {{setpoint: 22}}
    secret: "${{ROOM_SECRET}}"
    budget: 10/h

receivers:
  growth: [{{type: slack, channel: "#growth"}}]
  facilities: [{{type: slack, channel: "#facilities"}}]
"""


def configuration(traffic_url: str, room_url: str, today: date) -> str:
    """The file's text; the period is such that today is in its middle."""
    first = today - timedelta(days=DAYS // 2 - 1)
    return _YAML.format(
        traffic=traffic_url,
        room=room_url,
        room_of_label=room_url.rpartition("/")[0] + "/{{ labels.room }}",
        goal=GOAL,
        first=first,
        last=first + timedelta(days=DAYS - 1),
    )


def environment(folder: Path, listen: str, slack_api_url: str, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The daemon's environment: this process's own without any Setpoint setting, and the demo's settings."""
    kept = {name: value for name, value in base.items() if not name.upper().startswith("SETPOINT_")}
    return {
        **kept,
        "SETPOINT_CONFIG": str(folder / "setpoint.yaml"),
        "SETPOINT_DATABASE_URL": f"sqlite:///{folder / 'setpoint.db'}",
        "SETPOINT_LISTEN": listen,
        "SETPOINT_LOG_FORMAT": "json",
        "SETPOINT_SLACK_BOT_TOKEN": slack.TOKEN,
        "SETPOINT_SLACK_SIGNING_SECRET": slack.SIGNING_SECRET,
        "SETPOINT_SLACK_API_URL": slack_api_url,
        "TRAFFIC_TOKEN": traffic.TOKEN,
        "ROOM_SECRET": room.SECRET,
    }
