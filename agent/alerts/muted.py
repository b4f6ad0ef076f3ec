"""What mutes the open alerts, as the faces show it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.alerts.groups import Groups
from rules.model import AlertStatus, InstanceKey, InstanceState, Labels, Muted, MutedBy, Silence
from rules.muting import Asked, Situation
from rules.words import clock_time


@dataclass(frozen=True, slots=True)
class Mutes:
    """Says of an alert why it is not told."""

    situation: Situation
    groups: Groups
    now: int

    def of(
        self, key: InstanceKey, status: AlertStatus, labels: Labels, state: InstanceState | None
    ) -> tuple[Muted, str] | None:
        """Why nobody is told of the alert, also in words; None if somebody is."""
        names = list(self.groups.of_alert(status.fingerprint))
        members = [self.groups.members[name][status.fingerprint] for name in names]
        before = next((member.muted for member in members if member.muted), None)
        found = self.situation.muted(Asked(key, labels, state, before), self.now)
        if found is None:  # the calendars of all its routes may mute it together
            groups = [self.groups.groups[name] for name in names if name in self.groups.groups]
            each = [
                self.situation.muted(Asked(key, labels, state, before, one.mute, one.active), self.now)
                for one in groups
            ]
            found = each[0] if each and all(each) else None
        return None if found is None else (found, self._words(found))

    def _words(self, muted: Muted) -> str:
        if muted.by is MutedBy.SILENCE:
            silence = self.situation.silences.get(muted.name)
            return silence_words(silence, self.now) if silence else f"silence {muted.name}"
        if muted.by is MutedBy.INHIBITION:
            labels = dict(self.situation.labels_of(muted.name))
            whose = labels.get("target") or labels.get("source")
            return f"{labels.get('alertname', 'another alert')}{f' of {whose}' if whose else ''} fires"
        if muted.by is MutedBy.BLINDNESS:
            return "many sources fail, which is told of all together"
        if muted.by is MutedBy.INTERVAL:
            return f"time interval {muted.name}"
        return f"{muted.name} is off" if muted.until is None else f"{muted.name} is back, waiting for a reading"


def silence_words(silence: Silence, now: int) -> str:
    """`silence 3f0a11c2 by ann until 14:00 UTC: disk is being changed`."""
    return (
        f"silence {silence.id} by {silence.author} until {clock_time(silence.ends, 'UTC', now)} UTC: {silence.reason}"
    )
