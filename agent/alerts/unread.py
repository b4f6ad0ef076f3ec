"""After a pause of the daemon what is polled is read before anything is told of it: its number may be back by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.deciding.decided import Decision
from rules.health import is_recent
from rules.history import History
from rules.model import SECOND, Health, Member, MutedBy
from rules.specs import Specs

READ_WITHIN = 30 * SECOND  # of the start: polls are spread over ten, and may take ten; what is not read is told then


@dataclass(frozen=True, slots=True)
class Unread:
    """Which alerts wait for the first poll of their sources after a start, or after the machine slept."""

    specs: Specs
    history: History

    def awaited(self, decision: Decision, group: str) -> str | None:
        """The source for which a look at the group comes too early; none that is called, or known to be down.

        What is held for what it depends on waits for a reading by itself.
        """
        if not 0 <= decision.now - decision.memory.listening < READ_WITHIN:
            return None
        members = decision.groups.members_of(group)
        members = [one for one in members if one.muted is None or one.muted.by is not MutedBy.DEPENDENCY]
        names = (name for one in members for name in self._sources(one))
        return next((name for name in names if self._is_awaited(decision, name)), None)

    def _sources(self, member: Member) -> Sequence[str]:
        """The sources that an alert is judged by."""
        if not member.key.target:
            return (dict(member.labels).get("source", ""),)
        known = self.history.members(member.key)
        if known.series or member.key.target not in self.specs.targets:
            return known.sources
        return self.specs.sources_of(member.key.target)

    def _is_awaited(self, decision: Decision, name: str) -> bool:
        rule, source = self.specs.sources.get(name), decision.source(name)
        if rule is None or source is None or source.health is Health.DOWN:
            return False
        return not is_recent(rule, source, decision.now)
