"""The pipeline in virtual time: the same batches, the same wake-ups, the same decisions; nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson

from agent.alerts.notices import Notices
from agent.config.configuration import Configuration
from agent.corrections.answering import answered
from agent.corrections.called import Answered
from agent.deciding.decided import Decision
from agent.deciding.decision import Decider, sorted_out, take_in
from agent.deciding.memory import Memory
from agent.rehearsal.moments import TICK, Answer, Answers, Moment
from agent.rehearsal.polls import Polls
from agent.store.records import Delivery, DeliveryKind, Remembered
from rules.engine import Batch
from rules.health import fold_polls
from rules.history import History
from rules.model import SECOND, Approval, Correction, Polled, SourceRule, SourceState
from rules.specs import Specs


class Rehearsal:
    """Plays moments from `start` on to one configuration. `memory` and `history` are what is known by then."""

    def __init__(
        self,
        config: Configuration,
        start: int,
        polls: Polls | None = None,
        answers: Answers = lambda _action, _at: Answer(),
        memory: Memory | None = None,
        history: History | None = None,
    ) -> None:
        self.specs = history.specs if history else Specs(config.targets.values(), rules_of(config))
        self.notices = Notices(config, self.specs)
        self.polls = polls or Polls(config.sources.values())
        self.answers = answers
        self.memory = memory or Memory(Remembered({}, {}, ()), now=start)
        self.history = history or History(self.specs)
        self.decider = Decider(self.specs, self.notices, self.memory, self.history)
        self.now = start

    def begin(self) -> Iterator[Decision]:
        """Looks at every instance once, as a starting daemon does."""
        known = (key for target in self.specs.targets for key in self.history.instances_of_target(target))
        due = list(dict.fromkeys([*self.memory.instances, *known]))
        decision = self._decide(Batch(due=due), self.now)
        yield decision
        yield from self._after_calls(decision)

    def play(self, moments: Iterable[Moment]) -> Iterator[Decision]:
        """The decisions on moments in order of time, and on what time alone brings between them."""
        memory, beside = self.memory, self.polls.beside
        for moment in moments:
            at = moment.at
            due_at = memory.next_due()
            if due_at is not None and due_at <= at - TICK:
                yield from self.wait(at - TICK + 1)
            fresh = sorted_out(self.history, moment.readings, at)[1]
            memory.ticked(at)
            is_due = due_at is not None and due_at <= at
            due, looks = (memory.take_due(at), memory.groups.take_due(at)) if is_due else ((), ())
            polls = self._telling(self.polls.before_a_look(at) if due else beside(at, memory.sources))
            decision = self._decide(Batch(fresh, [*polls, *moment.polls], due), at, looks)
            yield decision
            if decision.deliveries:
                yield from self._after_calls(decision)

    def wait(self, until: int) -> Iterator[Decision]:
        """The decisions that time alone brings before `until`."""
        while (next_due := self.memory.next_due()) is not None:
            at = next_due if next_due > self.now else self.now + SECOND
            if at >= until:
                return
            self.memory.ticked(at)
            due, looks = self.memory.take_due(at), self.memory.groups.take_due(at)
            if due or looks or self.memory.due_runs(at):
                polls = self._telling(self.polls.before_a_look(at))
                decision = self._decide(Batch(due=due, polls=polls), at, looks)
                yield decision
                yield from self._after_calls(decision)

    def answer(self, run: Correction, said: Approval) -> Iterator[Decision]:
        """The decisions on a person's word to a proposal."""
        decision, _ = self.decider.act(lambda made: answered(self.decider.corrector, made, run, said), said.at)
        yield from self.act(decision)

    def act(self, decision: Decision) -> Iterator[Decision]:
        """What a person did, as it was decided on, and what comes of it."""
        take_in(self.memory, decision)
        yield decision
        yield from self._after_calls(decision)

    def _telling(self, polls: Sequence[Polled]) -> Sequence[Polled]:
        """Those of sources that could not be read; all others were read all along, which is no end of a pause."""
        sources = self.memory.sources
        failed = [one for one in polls if one.source in sources and sources[one.source].failures]
        sources.update(self.polled(one for one in polls if one not in failed))
        return failed

    def polled(self, polls: Iterable[Polled]) -> dict[str, SourceState]:
        """The sources after polls that tell nothing but that they were read."""
        known = self.memory.sources
        return {
            one.source: fold_polls(known.get(one.source) or SourceState(one.source), one, one.at)[0] for one in polls
        }

    def _decide(self, batch: Batch, at: int, looks: Sequence[str] = ()) -> Decision:
        self.now = at
        decision = self.decider.decide(batch, at, looks=looks)
        take_in(self.memory, decision)
        if batch.due or looks:
            self.memory.looked_at(batch.due)
            self.memory.groups.looked_at(looks)
        return decision

    def _after_calls(self, decision: Decision) -> Iterator[Decision]:
        """The decisions on how the calls ended that a decision asks for."""
        at = decision.now
        while calls := [delivery for delivery in decision.deliveries if delivery.kind is DeliveryKind.CALL]:
            decision = self.decider.decide(Batch(), at, [self._answered(call, at) for call in calls])
            take_in(self.memory, decision)
            yield decision

    def _answered(self, call: Delivery, at: int) -> Answered:
        answer = self.answers(call.receiver, at)
        return Answered(orjson.loads(call.payload)["run"], answer.text, error=answer.error, permanent=answer.permanent)


def rules_of(config: Configuration) -> Iterator[SourceRule]:
    """The rules of its sources."""
    return (entry.rule for entry in config.sources.values())
