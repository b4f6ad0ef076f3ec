"""What people do with silences: list, add and end them; and what they write, as silences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from agent.acts import Act, Person
from agent.clock import Clock
from agent.config.configuration import Configuration
from agent.runtime import Unknown
from rules.matchers import matchers_text, parse_alert_matchers
from rules.model import Matcher, Silence
from rules.selectors import holds

if TYPE_CHECKING:  # it brings in all that runs, and a test of targets asks for silences too
    from agent.pipeline import Pipeline

_LEAVING_OUT = {"!=", "!~"}  # never everything, as in Alertmanager: at least what it names is left out


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


def silence_matchers(texts: Sequence[str], targets: Iterable[str]) -> tuple[Matcher, ...]:
    """The matchers people wrote; a name alone means the target of that name.

    Raises ValueError with what is wrong: no matcher at all, one that is none, or none that says what is meant.
    """
    known = list(targets)
    found: list[Matcher] = []
    for text in texts:
        if any(sign in text for sign in "=~!{"):
            found += parse_alert_matchers(text)
        elif text.strip() in known:
            found.append(Matcher("target", "=", text.strip()))
        else:
            near = get_close_matches(text, known, 1)
            hint = f"did you mean {near[0]}?" if near else 'a matcher is written like severity="warning"'
            raise ValueError(f"there is no target {text!r}; {hint}")
    if all(matcher.op not in _LEAVING_OUT and holds(matcher, "") for matcher in found):
        raise ValueError('it would silence everything; say what is meant, for example severity=~".+"')
    return tuple(found)


def new_silence(matchers: tuple[Matcher, ...], said: tuple[str, str], span: tuple[int, int], now: int) -> Silence:
    """A silence with a name of its own; `said` is author and reason."""
    starts, ends = max(span[0], now), span[1]
    text = "\xff".join((matchers_text(matchers), *said, str(starts), str(ends), str(now)))
    name = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Silence(name, matchers, *said, starts, ends, now, now)
