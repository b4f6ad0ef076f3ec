"""What people do with silences: list, add and end them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.acts import Act, Person
from agent.clock import Clock
from agent.config.configuration import Configuration
from agent.muted import new_silence, silence_matchers
from agent.pipeline import Pipeline
from agent.runtime import Unknown
from rules.matchers import matchers_text
from rules.model import Silence


class Silencing:
    """The part of the daemon that people mute with."""

    clock: Clock
    config: Configuration
    pipeline: Pipeline

    def silences(self) -> Sequence[Silence]:
        """Those that hold, will hold, or are over but remembered; the first to end last."""
        return sorted(self.pipeline.memory.silences.values(), key=lambda silence: silence.ends, reverse=True)

    async def silence(self, matchers: Sequence[str], person: Person, reason: str, span: tuple[int, int]) -> Silence:
        """Mutes what the matchers match from the start to the end of the span. Raises ValueError."""
        now = self.clock.now()
        made = new_silence(silence_matchers(matchers, self.config.targets), (person.name, reason), span, now)
        about = f"{made.id} {matchers_text(made.matchers)}"
        await self.pipeline.silence(made, Act(now, person, "silence", about, reason))
        return made

    async def expire(self, silence: str, person: Person) -> Silence:
        """Ends a silence now. Raises Unknown."""
        known, now = self.pipeline.memory.silences, self.clock.now()
        if silence not in known:
            raise Unknown.among("silence", silence, known)
        found = known[silence]
        if found.ends > now:
            found = replace(found, starts=min(found.starts, now), ends=now, updated=now)
            await self.pipeline.silence(found, Act(now, person, "expire", silence))
        return found
