"""One person asking or acting, with everything a command or a button needs."""

from __future__ import annotations

from dataclasses import dataclass

from agent.acts import Person
from agent.runtime import OpenAlert, Runtime
from agent.slack.api import Api
from agent.slack.asking import Asked
from rules.words import clock_time, span


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks what. `command` is the slash command as this workspace has it, `channel` where it was typed."""

    runtime: Runtime
    api: Api
    person: Person
    asked: Asked
    command: str = "/setpoint"
    channel: str = ""

    @property
    def now(self) -> int:
        """UTC microseconds."""
        return self.runtime.clock.now()

    def took(self, alert: OpenAlert) -> bool:
        """Whether this person has the alert. Names only tell where an id is not known: two people may share one."""
        if alert.acknowledged_by and alert.acknowledged_id and self.person.id:
            return alert.acknowledged_id == self.person.id
        return alert.acknowledged_by == self.person.name

    def hint(self, text: str) -> str:
        """How to type something: `/setpoint ack room`, to be copied."""
        return f"`{self.command} {text}`"


def alert_line(alert: OpenAlert, now: int) -> str:
    """One open alert in a line: how it is, what it says, since when, who has it or why nobody is told."""
    parts = [f"{alert.shown_state} {alert.labels.get('severity', '')}".strip(), alert.headline]
    parts.append(f"{alert.name} for {span(now - (alert.fired_at or alert.since))}")
    if alert.acknowledged_by:
        parts.append(f"taken by {alert.acknowledged_by}")
    if alert.muted is not None:
        parts.append(f"muted: {alert.muted_words}")
    return " · ".join(parts)


def code(text: str) -> str:
    """A text that Slack shows letter by letter, so that its asterisks stay; a backtick would end that."""
    return text if "`" in text else f"`{text}`"


def until(visit: Visit, at: int) -> str:
    """A time (UTC microseconds) as silences say it: `14:00 UTC`, with the date if that is not today."""
    return f"{clock_time(at, 'UTC', visit.now)} UTC"
