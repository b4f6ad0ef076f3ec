"""Every command in one table; a new one is one entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from agent.slack import acting, correcting, looking, reporting
from agent.slack.asking import Asked
from agent.slack.names import exact, near
from agent.slack.oncall import oncall
from agent.slack.replies import Reply, lines
from agent.slack.visit import Visit

Handler = Callable[[Visit], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `acts` changes something, so that operators only may use it; `free` ends in free text.

    `acts_with` are first words with which it does, where it looks without them.
    """

    verb: str
    usage: str
    words: str
    handler: Handler
    acts: bool = False
    free: bool = False
    also: tuple[str, ...] = ()
    acts_with: tuple[str, ...] = ()

    def changes(self, asked: Asked) -> bool:
        """Whether it changes something as it is asked here."""
        return self.acts or (bool(asked.words) and asked.words[0].text.casefold() in self.acts_with)


async def help_(visit: Visit) -> Reply:
    """The table in words."""
    said = [f"{visit.hint(f'{one.verb} {one.usage}'.strip())} {one.words}" for one in TABLE.values()]
    said.append("Only you see the answers; `public` before the command, or after one that only looks, shares them.")
    return Reply(said, title="What you can ask")


TABLE = {
    one.verb: one
    for one in (
        Command("status", "[target]", "how everything stands, or one target with its chart", looking.status),
        Command("targets", "[filter]", "every target, or those that are called or stand so", looking.targets),
        Command("why", "<target>", "why it stands so, and what comes next", looking.why, also=("explain",)),
        Command(
            "ack",
            "<alert> [note]",
            "take an alert, by its name, target or fingerprint",
            acting.acknowledge,
            acts=True,
            free=True,
            also=("acknowledge", "take"),
        ),
        Command(
            "silence",
            "<target|matchers> <duration> <reason>",
            "mute alerts for a while",
            acting.silence,
            acts=True,
            free=True,
        ),
        Command("unsilence", "[id|target|matchers]", "end silences, or list them", acting.unsilence, acts=True),
        Command(
            "mute",
            "<source> <duration> [reason]",
            "mute the alert that this source can't be read, and every alert with the label source",
            acting.mute,
            acts=True,
            free=True,
        ),
        Command(
            "approve",
            "<id> [note]",
            "have a proposed correction made; without an id it lists them",
            correcting.approve,
            acts=True,
            free=True,
        ),
        Command("reject", "<id> [note]", "have it not made", correcting.reject, acts=True, free=True),
        Command(
            "run",
            "<action> [alert] [note]",
            "have an action called for an open alert, within its bounds",
            correcting.run,
            acts=True,
            free=True,
        ),
        Command(
            "corrections",
            "[on|off] [reason]",
            "the corrections under way, and the switch of all",
            correcting.corrections,
            free=True,
            acts_with=correcting.SWITCHES,
        ),
        Command("report", "[name]", "a report as it is now with its charts, or which there are", reporting.report),
        Command("oncall", "", "who hears of critical alerts", oncall, also=("on-call",)),
        Command("help", "", "this list", help_, also=("?",)),
    )
}
"""The commands by verb, in the order in which help lists them."""

_ALSO = {name: one for one in TABLE.values() for name in one.also}


def command_of(verb: str) -> Command | None:
    """The command of a verb or of another word for it; help where nothing was typed."""
    return TABLE.get(verb or "help") or _ALSO.get(verb)


async def answer(visit: Visit, command: Command) -> Reply:
    """What a command has to say, for all to see if that was asked for."""
    changes = command.changes(visit.asked)
    asked = visit.asked if command.free and changes else visit.asked.shared()
    reply = await command.handler(replace(visit, asked=asked))
    return reply.shared(reply.public or (asked.public and not changes))


async def unknown(visit: Visit) -> Reply:
    """What may have been meant by a verb that there is not, and the list."""
    verb = visit.asked.verb
    said = f"There is no command {verb!r}."
    close = near(verb, [*TABLE, *_ALSO])
    target = exact(f"{verb} {visit.asked.rest()}".strip(), visit.runtime.config.targets)
    if target is not None:
        said += f" Did you mean {visit.hint(f'status {target}')}?"
    elif close is not None:
        found = command_of(close)
        said += f" Did you mean {visit.hint(f'{found.verb if found else close} {visit.asked.rest()}'.strip())}?"
    listed = await help_(visit)
    return replace(lines(said, *listed.lines), title="")
