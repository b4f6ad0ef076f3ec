"""`setpoint send-test --through-slack`: the daemon's way to Slack, and Slack's way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from time import sleep
from typing import Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, NoDaemon, mistaken
from agent.cli.options import print_json, user
from agent.clock import Clock

_EVERY = 0.25  # seconds between two looks
_RESTARTS = 30.0  # seconds in which a daemon that is started anew answers again


@dataclass(slots=True)
class Stages:
    """What is over, as it is said: each stage with the seconds since the test began."""

    as_json: bool
    begun: datetime
    done: list[dict[str, Any]] = field(default_factory=list)

    def over(self, stage: str, at: str, words: str) -> None:
        """One more stage, that ended at a time."""
        seconds = round(max((datetime.fromisoformat(at) - self.begun).total_seconds(), 0.0), 3)
        self.done.append({"stage": stage, "seconds": seconds, "said": words})
        if not self.as_json:
            click.echo(f"{seconds:8.3f} s  {stage:<6}  {words}")

    def end(self, test: dict[str, Any], failed: str = "", why: str = "") -> None:
        """Says how it ended. Raises Exit if a stage failed."""
        if self.as_json:
            print_json(
                {"receiver": test["receiver"], "stages": self.done, "failed": failed or None, "error": why or None}
            )
        elif failed:
            click.echo(f"{failed} failed: {why}", err=True)
        if failed:
            raise click.exceptions.Exit(1)


def send(daemon: Daemon, receiver: str, patience: float, *, as_json: bool) -> None:
    """Sends a test and waits for the click, at most so many seconds. Exits with 1 if a stage failed."""
    clock = Clock()
    end = clock.monotonic() + patience
    test = _asked(daemon, "POST", f"receivers/{quote(receiver, safe='')}/test", {"by": user()})
    stages = Stages(as_json, datetime.fromisoformat(test["begun"]))
    stages.over("outbox", test["begun"], f"the daemon at {daemon.where} has it")
    looks = _looks(daemon, test, clock, end)
    test = _told(stages, looks, test)
    if test["problem"] and not as_json:
        click.echo(f"            {test['problem']}", err=True)
    if not as_json:
        click.echo("            now click It arrived there")
    for found in looks:
        test = found
        if test["click"]:
            said = f"{test['click']['by']} clicked; it came by {test['click']['way']}"
            stages.over("click", test["click"]["at"], said)
            stages.end(test)
            return
    stages.end(test, "click", _missing(test, patience))


def _looks(daemon: Daemon, test: dict[str, Any], clock: Clock, end: float) -> Iterator[dict[str, Any]]:
    """The test again and again, until the time is over."""
    path = f"receivers/{quote(test['receiver'], safe='')}/test/{test['id']}"
    answered = clock.monotonic()
    while (left := end - clock.monotonic()) > 0:
        try:
            found = _asked(daemon, "GET", path)
        except NoDaemon:  # one that starts anew goes on with the test
            if clock.monotonic() - answered > _RESTARTS:
                raise
        else:
            answered = clock.monotonic()
            yield found
        sleep(min(_EVERY, left))


def _told(stages: Stages, looks: Iterator[dict[str, Any]], test: dict[str, Any]) -> dict[str, Any]:
    """Waits until every message is in Slack; then how the test stands."""
    said: set[str] = set()
    for found in looks:
        test = found
        for message in test["messages"]:
            if message["sent"] and message["channel"] not in said:
                said.add(message["channel"])
                stages.over("slack", message["sent"], f"the message is in {message['channel']}")
            if message["state"] == "failed":
                stages.end(test, "slack", f"{message['channel']}: {message['error']}")
        if all(message["sent"] for message in test["messages"]):
            return test
    left = next((one for one in test["messages"] if not one["sent"]), {"channel": "", "attempts": 0, "error": None})
    why = left["error"] or "the daemon has not sent it yet"
    stages.end(test, "slack", f"{left['channel']}: not there after {left['attempts']} attempts: {why}")
    return test


def _missing(test: dict[str, Any], patience: float) -> str:
    if test["problem"]:
        return f"none arrived within {patience:g} s; {test['problem']}"
    looks = {
        "Socket Mode": "is Interactivity on in the app's settings, and does another daemon use the same app token?",
        "signed calls": "does the app's Interactivity Request URL lead here, and is it this app's signing secret?",
    }
    look = " ".join(f"{way}: {looks[way]}" for way in test["ways_in"])
    return f"none arrived within {patience:g} s. If somebody clicked: {look}"


def _asked(daemon: Daemon, method: str, path: str, body: Any = None) -> dict[str, Any]:
    with mistaken():
        found: dict[str, Any] = daemon.ask(method, path, body)["test"]
    return found
