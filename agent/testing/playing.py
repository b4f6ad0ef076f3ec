"""Plays one test in virtual time and looks at what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.decided import Decision
from agent.muted import Mutes
from agent.notices import Saying
from agent.rehearsal import Answer, Failing, Moment, Polls, Rehearsal
from agent.standing import open_alerts
from agent.store.records import DeliveryKind
from agent.testing import comparing
from agent.testing.comparing import Failure
from agent.testing.language import AlertCase, AnswerSection, CorrectionCase, DeliveryCase, TargetCase, TestSection
from agent.testing.notation import expand
from agent.testing.reading import TestFile
from rules import alerts
from rules.engine import Batch, States, evaluate
from rules.model import (
    AlertStatus,
    Approval,
    Assessment,
    Correction,
    Event,
    InstanceKey,
    InstanceState,
    Reading,
    Reason,
    RunState,
    Transition,
    duration_text,
    labels_of,
)
from rules.words import describe


def failures_of(file: TestFile, number: int) -> list[Failure]:
    """What is not as the test expects, in the order of its checks in time."""
    return list(_Played(file, number).failures())


@dataclass(slots=True)
class _Check:
    """One expectation, or a person's word before it: when that is, and where it stands in the file."""

    at: int
    place: str
    case: AlertCase | TargetCase | DeliveryCase | CorrectionCase | AnswerSection


@dataclass(slots=True)
class _Seen:
    """What happened so far. Notices by receiver with their times."""

    notices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    runs: dict[str, Correction] = field(default_factory=dict)

    def take(self, decision: Decision) -> None:
        self.runs.update(decision.runs)
        for delivery in decision.deliveries:
            if delivery.kind is DeliveryKind.NOTICE:
                sent = self.notices.setdefault(delivery.receiver, [])
                notice = orjson.loads(delivery.payload)
                if notice not in sent:  # a receiver of several notifiers is told once
                    sent.append(notice)


class _Played:
    def __init__(self, file: TestFile, number: int) -> None:
        self.file = file
        self.test: TestSection = file.tests[number]
        self.path = ("tests", number)
        self.start = self.test.start_timestamp
        test, start = self.test, self.start
        self.failing = [Failing(one.source, start + one.from_, start + one.to, one.error) for one in test.failing]
        self.polls = Polls(file.config.sources.values(), self.failing)
        self.rehearsal = Rehearsal(file.config, start, self.polls, self._answer)
        self.series = file.series[number]
        self.seen = _Seen()

    def failures(self) -> Iterator[Failure]:
        checks = sorted(self._checks(), key=lambda check: check.at)
        if not checks:
            return
        moments = self._moments(checks[-1].at)
        waiting = next(moments, None)
        for decision in self.rehearsal.begin():
            self.seen.take(decision)
        for check in checks:
            while waiting is not None and waiting.at <= check.at:
                for decision in self.rehearsal.play([waiting]):
                    self.seen.take(decision)
                waiting = next(moments, None)
            for decision in self.rehearsal.wait(check.at + 1):
                self.seen.take(decision)
            if isinstance(check.case, AnswerSection):
                self._say(check.case, check.at)
            else:
                yield from self._look(check)

    def _say(self, answer: AnswerSection, at: int) -> None:
        """A person's word to every proposal of an action that waits."""
        said = Approval(answer.by, at, given=not answer.reject)
        for run in list(self.rehearsal.memory.open_runs.values()):
            meant = run.action == answer.action and answer.target in {None, run.key.target}
            for decision in self.rehearsal.answer(run, said) if meant and run.state is RunState.PROPOSED else ():
                self.seen.take(decision)

    # what comes in

    def _moments(self, end: int) -> Iterator[Moment]:
        """Readings and failing polls in order of time; what one time brings is one moment."""
        at: dict[int, Moment] = {}
        interval = self.test.interval or self.file.interval
        for series, section in zip(self.series, self.test.input_series, strict=True):
            source = dict(series.labels)["source"]
            for place, value in expand(section.values):
                time = self.start + place * interval
                if time + section.delay > end:
                    break
                if not self.polls.fails(source, time + section.delay):
                    moment = at.setdefault(time + section.delay, Moment(time + section.delay, [], []))
                    moment.readings.append(Reading(series, time, value))  # type: ignore[attr-defined]
        for polled in self.polls.of_failures(self.start, end):
            at.setdefault(polled.at, Moment(polled.at, [], [])).polls.append(polled)  # type: ignore[attr-defined]
        return (at[time] for time in sorted(at))

    def _answer(self, action: str, at: int) -> Answer:
        for call in self.test.calls:
            lasts = call.to is None or at < self.start + call.to
            if call.action == action and self.start + call.from_ <= at and lasts:
                return Answer(call.error, error=True, permanent=call.permanent)
        return Answer()

    # what is looked at

    def _checks(self) -> Iterator[_Check]:
        test = self.test
        for index, answer in enumerate(test.answers):
            yield _Check(self.start + answer.at, self.file.place((*self.path, "answers", index)), answer)
        for key in ("alert_rule_test", "target_test", "delivery_test", "correction_test"):
            for index, case in enumerate(getattr(test, key)):
                at = case.span[1] if isinstance(case, DeliveryCase) else case.eval_time
                yield _Check(self.start + at, self.file.place((*self.path, key, index)), case)

    def _look(self, check: _Check) -> Iterator[Failure]:
        case, when = check.case, f"at {duration_text(check.at - self.start)}"
        if isinstance(case, AlertCase):
            diff = comparing.alerts(case, list(self._firing(case.alertname, check.at)))
            said = f"{when}, alert {case.alertname}"
        elif isinstance(case, TargetCase):
            key = InstanceKey(case.target, labels_of(case.labels))
            state = self._states(check.at).instances.get(key)
            diff = comparing.target(case, state.assessment if state else None, self._described(state, check.at))
            said = f"{when}, target {case.target}"
        elif isinstance(case, DeliveryCase):
            first, last = (self.start + time for time in case.span)
            sent = [n for n in self.seen.notices.get(case.receiver, ()) if first <= n["at"] <= last]
            diff = comparing.deliveries(case, sent, self.start)
            said = f"{when}, deliveries to {case.receiver}"
        elif isinstance(case, CorrectionCase):
            runs = [run for run in self.seen.runs.values() if _meant(run, case)]
            diff = comparing.corrections(case, runs)
            said = f"{when}, corrections" + (f" of {case.target}" if case.target else "")
        else:
            return
        if diff:
            yield Failure(check.place, said, diff)

    def _states(self, at: int) -> States:
        """How everything stands when it is looked at, which changes nothing."""
        known = self.rehearsal.memory.states
        look = Batch(due=list(known.instances))
        changed, _ = evaluate(self.rehearsal.specs, known, look, at, self.rehearsal.history)
        return States({**known.instances, **changed.instances}, known.sources)

    def _described(self, state: InstanceState | None, at: int) -> str:
        target = self.rehearsal.specs.targets.get(state.key.target) if state else None
        return describe(target, state.assessment, at) if target and state else ""

    def _firing(self, name: str, at: int) -> Iterator[comparing.Alert]:
        """The labels and annotations of the alerts of a name that fire; those that recover fire still."""
        states = self._states(at)
        for state in states.instances.values():
            status = state.alerts.get(name)
            if status is not None and alerts.is_open(status):
                yield self._alert(state.key, name, status, at, state.assessment)
        if name == alerts.SOURCE_ALERT:
            mutes = Mutes(self.rehearsal.decider.situation, self.rehearsal.memory.groups, at)
            for one in open_alerts(self.rehearsal.specs, {}, states.sources, mutes):
                yield dict(one.labels), {}

    def _alert(
        self, key: InstanceKey, name: str, status: AlertStatus, at: int, assessment: Assessment
    ) -> comparing.Alert:
        fired = Transition(
            key,
            name,
            status.fingerprint,
            status.episode,
            Event.FIRING,
            at,
            status.state,
            status.state,
            status.labels,
            assessment,
            status.fired_at,
        )
        notice = self.rehearsal.notices.notice(Saying(fired, status), Reason.FIRING, "", at)
        return dict(status.labels), dict(notice.annotations)


def _meant(run: Correction, case: CorrectionCase) -> bool:
    return case.target in {None, run.key.target} and case.action in {None, run.action}
