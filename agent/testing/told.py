"""A test's course through all that a daemon decides: who is told, what is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import orjson

from agent.alerts.muted import Mutes
from agent.alerts.notices import Notices, Saying
from agent.alerts.open_alerts import open_alerts
from agent.alerts.silencing import new_silence, silence_matchers
from agent.config.configuration import Configuration
from agent.deciding.decided import Decision
from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.moments import Moment
from agent.store.records import DeliveryKind
from agent.testing.courses import Course, looked_at
from agent.testing.language import AnswerSection, SilenceSection, TakenSection, Word
from rules import alerts
from rules.engine import States
from rules.model import Acknowledgement, AlertStatus, Approval, Group, Notice, Reason, RunState
from rules.model.quick import replace
from rules.specs import Specs

Asks = Callable[[str, int], bool]
"""Whether anybody asks what a receiver is told at a time."""

_WORDLESS = Notice(Reason.FIRING, "firing", "", "", "", "", "", "", "", {}, {}, {}, 0, None, 0, "")


class _AsFarAsAsked(Notices):
    """Notices as they are, but for the words of those that nobody asks for: finding them is most of what one costs."""

    def __init__(self, config: Configuration, specs: Specs, asks: Asks) -> None:
        super().__init__(config, specs)
        self._asks = asks

    def worded(
        self, lead: Saying, reason: Reason, group: Group, said: tuple[Sequence[Saying], Sequence[Saying]], now: int
    ) -> Notice:
        """As `Notices`."""
        if self._asks(group.receiver, now):
            return super().worded(lead, reason, group, said, now)
        about, name = lead.transition.fingerprint, "" if group.own else group.id
        return replace(_WORDLESS, reason=reason, fingerprint=about, receiver=group.receiver, at=now, group=name)


class Told(Course):
    """All that follows from what is decided too."""

    def __init__(
        self, rehearsal: Rehearsal, moments: Iterator[Moment], asks: Asks = lambda _receiver, _at: True
    ) -> None:
        """`notices` will be those that somebody `asks` for."""
        super().__init__(moments)
        self._asks = asks
        self.rehearsal = rehearsal
        # No test asks why an alert stands as it does, and to find out what comes next is most of what a notice costs.
        teller = rehearsal.decider.teller
        teller.why = lambda _decision, _transition: ()
        teller.notices = _AsFarAsAsked(rehearsal.notices.config, rehearsal.specs, asks)
        self._said: set[tuple[str, bytes]] = set()
        self._take(rehearsal.begin())

    def until(self, at: int) -> None:
        """As `Course`."""
        self._take(self.rehearsal.play(self.moments.until(at)))
        self._take(self.rehearsal.wait(at + 1))

    def states(self, at: int) -> States:
        """As `Course`."""
        return looked_at(self.rehearsal.specs, self.rehearsal.memory.states, at, self.rehearsal.history)

    def of_sources(self, at: int) -> Iterator[dict[str, str]]:
        """As `Course`."""
        rehearsal = self.rehearsal
        mutes = Mutes(rehearsal.decider.situation, rehearsal.memory.groups, at)
        for one in open_alerts(rehearsal.specs, {}, self.states(at).sources, mutes):
            yield dict(one.labels)

    def say(self, word: Word, at: int) -> None:
        """As `Course`."""
        if isinstance(word, AnswerSection):
            self._answer(word, at)
        elif isinstance(word, SilenceSection):
            matchers = silence_matchers(word.matchers, self.rehearsal.specs.targets)
            silence = new_silence(matchers, (word.by, word.reason), (at, at + word.to - word.from_), at)
            self._take(self.rehearsal.act(self.rehearsal.decider.silence(silence, at)))
        else:
            self._acknowledge(word, at)

    def _acknowledge(self, taken: TakenSection, at: int) -> None:
        states, wanted = self.rehearsal.memory.states, taken.labels.items()

        def is_meant(name: str, target: str, status: AlertStatus) -> bool:
            named = taken.alertname in {None, name} and taken.target in {None, target}
            return named and alerts.is_open(status) and wanted <= dict(status.labels).items()

        found = [
            (state.key, name)
            for state in states.instances.values()
            for name, status in state.alerts.items()
            if is_meant(name, state.key.target, status)
        ]
        sources = [name for name, one in states.sources.items() if is_meant(alerts.SOURCE_ALERT, "", one.alert)]
        said = Acknowledgement(taken.by, at, taken.note)
        self._take(self.rehearsal.act(self.rehearsal.decider.acknowledge(found, sources, said)))

    def _answer(self, answer: AnswerSection, at: int) -> None:
        said = Approval(answer.by, at, given=not answer.reject)
        for run in list(self.rehearsal.memory.open_runs.values()):
            meant = run.action == answer.action and answer.target in {None, run.key.target}
            if meant and run.state is RunState.PROPOSED:
                self._take(self.rehearsal.answer(run, said))

    def _take(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            self.runs.update(decision.runs)
            for delivery in decision.deliveries:
                if delivery.kind is not DeliveryKind.NOTICE or not self._asks(delivery.receiver, delivery.created):
                    continue
                said = delivery.receiver, delivery.payload
                if said not in self._said:  # of several notifiers told once
                    self._said.add(said)
                    self.notices.setdefault(delivery.receiver, []).append(orjson.loads(delivery.payload))
