"""What the faces (web, command line, demo) may ask of a running daemon; `agent.app.Setpoint` is the one to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol, Self

from agent.acts import Person
from agent.clock import Clock
from connectors.base import InboundSource
from rules.model import (
    Correction,
    InstanceKey,
    InstanceState,
    Muted,
    MutedBy,
    Notice,
    Reading,
    Report,
    Series,
    Silence,
    SourceState,
    Switch,
    Trouble,
)

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.explaining.present import Explained
    from agent.reports.reporter import Reporter
    from agent.sending.ack_links import AckLinks
    from agent.sending.trials import Trials
    from agent.settings import Settings
    from agent.store.records import Ping, ReceiverState
    from agent.store.store import Store

HELD = "held"


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One alert that is pending, firing or recovering, with all its labels.

    `acknowledged_id` is the id of the person who took it, as `Person.id`; empty where it is not known.
    """

    key: InstanceKey
    name: str
    fingerprint: str
    labels: Mapping[str, str]
    headline: str
    state: str
    since: int
    fired_at: int | None
    acknowledged_by: str | None
    muted: Muted | None = None
    muted_words: str = ""
    acknowledged_id: str = ""

    @property
    def subject(self) -> str:
        """What it is about, in words: the target with its instance's labels, or the source."""
        return str(Series(*self.key)) if self.key.target else self.labels.get("source", "")

    @property
    def shown_state(self) -> str:
        """The state, but `held` while what its target depends on is off."""
        return HELD if self.muted is not None and self.muted.by is MutedBy.DEPENDENCY else str(self.state)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """How a reload ended; `errors` is empty when the new configuration is in force."""

    errors: Sequence[str]


class Unknown(Exception):
    """No source, target, alert, correction or action of that name; the message offers near ones."""

    @classmethod
    def among(cls, what: str, name: str, known: Iterable[str]) -> Self:
        """`no report 'weekli'; did you mean weekly?`"""
        near = get_close_matches(name, list(known), 1)
        return cls(f"no {what} {name[:100]!r}" + (f"; did you mean {near[0]}?" if near else ""))


@dataclass(frozen=True, slots=True)
class Word:
    """What a person's word did to a correction. Only one counts; to the others `words` say what was done already.

    `agrees`: what was done is what they wanted.
    """

    run: Correction
    words: str
    counted: bool
    agrees: bool = False


@dataclass(frozen=True, slots=True)
class Switched:
    """How corrections are switched; not `counted`: they were so before."""

    switch: Switch
    counted: bool


@dataclass(frozen=True, slots=True)
class ActionState:
    """An action as it stands: calls within the span of its budget, and its breaker if it has tripped.

    `open_until` is in the future while nothing is called; after that one correction at a time may try.
    """

    name: str
    kind: str
    budget: tuple[int, int] | None
    calls: int
    failures: int
    open_until: int | None


class Runtime(Protocol):
    """The daemon as its faces see it."""

    clock: Clock
    settings: Settings
    config: Configuration
    store: Store
    ack_links: AckLinks
    reporter: Reporter
    trials: Trials

    def instances(self) -> Mapping[InstanceKey, InstanceState]:
        """Every instance by key."""

    def sources(self) -> Mapping[str, SourceState]:
        """Every source by name."""

    def next_polls(self) -> Mapping[str, int]:
        """When each polled source is read next; one that keeps failing is read less often."""

    def given_up(self) -> Sequence[str]:
        """The hosts that no source got a connection to; one at a time tries."""

    def unstored(self) -> int:
        """How many readings and polls wait to be stored."""

    def receivers(self) -> Sequence[ReceiverState]:
        """How the notifiers of receivers were reached last; those never tried are absent."""

    def corrections(self) -> Sequence[Correction]:
        """The corrections not ended."""

    def alerts(self) -> Sequence[OpenAlert]:
        """Alerts that are not inactive, worst first."""

    def about(self, subject: str) -> Sequence[OpenAlert]:
        """The open alerts that a message is about: the one of this fingerprint, or those of this group."""

    async def messages_about(self, subject: str) -> Sequence[Mapping[str, object]]:
        """What receivers remember of their messages about an alert or a group. Raises StoreError."""

    async def chart(self, notice: Notice) -> bytes | None:
        """The chart of a notice's number, a PNG; None if there is nothing to draw or it could not be drawn."""

    def inbound(self, door: str, name: str) -> InboundSource | None:
        """The waiting source behind `/in/<name>` or `/ping/<name>`."""

    async def receive(
        self, source: str, readings: Sequence[Reading], pings: Sequence[Ping] = (), message: str | None = None
    ) -> bool:
        """Decides on readings from outside and returns once they are committed.

        False if the `message` of that id was taken before; nothing of it is taken again.
        """

    async def is_first(self, message: str) -> bool:
        """Whether a message of a face comes for the first time within a week; then it is remembered, also when the
        process ends. Raises StoreError."""

    async def poll(self, source: str) -> Sequence[Reading]:
        """Polls a source now. Raises Unknown or ConnectorError."""

    async def acknowledge(self, alert: str, person: Person, note: str) -> Sequence[OpenAlert]:
        """Acknowledges by fingerprint, alert name or target. Raises Unknown."""

    async def explain(self, target: str, at: int | None) -> Sequence[Explained]:
        """Why a target that there is stands so now, or stood so at a time in the past."""

    def held(self, key: InstanceKey) -> str | None:
        """The target or source that an instance depends on and that is off."""

    def silences(self) -> Sequence[Silence]:
        """Those that hold, will hold, or are over but remembered; the first to end last."""

    async def silence(self, matchers: Sequence[str], person: Person, reason: str, span: tuple[int, int]) -> Silence:
        """Mutes what the matchers match from the start to the end of the span. Raises ValueError."""

    async def expire(self, silence: str, person: Person) -> Silence:
        """Ends a silence now. Raises Unknown."""

    async def approve(self, correction: str, person: Person, note: str = "", seen: int | None = None) -> Word:
        """Approves a proposal, by its id or the first digits of its short one; `seen` is when what they saw was said.

        Raises Unknown.
        """

    async def reject(self, correction: str, person: Person, note: str = "") -> Word:
        """Rejects a proposal. Raises Unknown."""

    async def run_action(self, action: str, alert: str, person: Person, note: str = "") -> Word:
        """Has an action called for an open alert, as its correction would be. Raises Unknown."""

    async def switch_corrections(self, on: bool, person: Person, note: str = "") -> Switched:
        """Switches all corrections on or off. Off, nothing is called; what waits goes on when they are on again."""

    def switch(self) -> Switch:
        """Whether corrections are made, and who said so last."""

    def actions(self) -> Sequence[ActionState]:
        """The actions by name, with how their budgets and breakers stand."""

    async def report(self, name: str) -> Report:
        """A report as it would be now; no schedule is disturbed. Raises Unknown."""

    async def send_report(self, name: str, person: Person) -> Report:
        """Queues a report as it is now for its receivers; no schedule is disturbed. Raises Unknown."""

    async def reload(self) -> Reloaded:
        """Reads the configuration again; a bad one changes nothing."""

    def ready(self) -> str | None:
        """None when ready, else why not."""

    def troubles(self) -> Sequence[Trouble]:
        """What keeps it from seeing or remembering now."""

    def alive(self) -> str | None:
        """None while the loop turns and the store takes commits, else what is wrong."""
