"""Plays one test in virtual time and looks at what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter

from agent.alerts.notices import Notices, Saying
from agent.rehearsal.moments import Answer, Moment
from agent.rehearsal.polls import Failing, Polls
from agent.testing import comparing
from agent.testing.comparing import Failure
from agent.testing.courses import Course, Judged, asks_for_verdicts_alone
from agent.testing.language import (
    AlertCase,
    CorrectionCase,
    DeliveryCase,
    SilenceSection,
    TargetCase,
    TestSection,
    Word,
)
from agent.testing.notation import expand
from agent.testing.reading import TestFile
from rules import alerts
from rules.model import (
    AlertStatus,
    Assessment,
    Correction,
    Event,
    InstanceKey,
    InstanceState,
    Polled,
    Reading,
    Reason,
    Transition,
    duration_text,
    labels_of,
)
from rules.specs import Specs
from rules.words import describe


def failures_of(file: TestFile, number: int) -> list[Failure]:
    """What is not as the test expects, in the order of its checks in time."""
    return list(_Played(file, number).failures())


@dataclass(slots=True)
class _Check:
    """One expectation: when that is, and where it stands in the file."""

    at: int
    place: str
    case: AlertCase | TargetCase | DeliveryCase | CorrectionCase


class _Played:
    def __init__(self, file: TestFile, number: int) -> None:
        self.file = file
        self.test: TestSection = file.tests[number]
        self.path = ("tests", number)
        self.start = self.test.start_timestamp
        config, start = file.config, self.start
        failing = [Failing(one.source, start + one.from_, start + one.to, one.error) for one in self.test.failing]
        self.polls = Polls(config.sources.values(), failing)
        self.notices = Notices(config, Specs(config.targets.values(), (one.rule for one in config.sources.values())))
        self.series = file.series[number]
        self.asked: dict[str, list[tuple[int, int]]] = {}
        for case in self.test.delivery_test:
            self.asked.setdefault(case.receiver, []).append(case.span)

    def failures(self) -> Iterator[Failure]:
        checks = sorted(self._checks(), key=lambda check: check.at)
        if not checks:
            return
        course = self._course(self._moments(checks[-1].at))
        words = iter([*sorted(self._words(), key=itemgetter(0)), (checks[-1].at + 1, None)])
        at, word = next(words)
        for check in checks:
            while word is not None and at <= check.at:
                # A silence holds for what comes at its start; what else people say is about what has come by then.
                course.until(at - 1 if isinstance(word, SilenceSection) else at)
                course.say(word, at)
                at, word = next(words)
            course.until(check.at)
            yield from self._look(check, course)

    def _words(self) -> Iterator[tuple[int, Word]]:
        yield from ((self.start + silence.from_, silence) for silence in self.test.silences)
        yield from ((self.start + answer.at, answer) for answer in self.test.answers)
        yield from ((self.start + taken.at, taken) for taken in self.test.acknowledgements)

    def _course(self, moments: Iterator[Moment]) -> Course:
        if asks_for_verdicts_alone(self.test):
            return Judged(self.file.config, self.start, moments)
        from agent.rehearsal.leaps import Leaps  # late: it brings in most of the daemon
        from agent.testing.told import Told

        return Told(Leaps(self.file.config, self.start, self.polls, self._answer), moments, self._asks)

    def _asks(self, receiver: str, at: int) -> bool:
        return any(first <= at - self.start <= last for first, last in self.asked.get(receiver, ()))

    # what comes in

    def _moments(self, end: int) -> Iterator[Moment]:
        """Readings and failing polls in order of time; what one time brings is one moment."""
        arriving = [self._arriving(number, end) for number in range(len(self.series))]
        polls = sorted(self.polls.of_failures(self.start, end), key=lambda polled: polled.at)
        came: Iterator[tuple[int, Reading | Polled]] = merge(
            *arriving, ((polled.at, polled) for polled in polls), key=itemgetter(0)
        )
        for at, found in groupby(came, key=itemgetter(0)):
            readings, polled = list[Reading](), list[Polled]()
            for _, one in found:
                if isinstance(one, Reading):
                    readings.append(one)
                else:
                    polled.append(one)
            yield Moment(at, readings, polled)

    def _arriving(self, number: int, end: int) -> Iterator[tuple[int, Reading | Polled]]:
        """The readings of a series that arrive, and when."""
        series, section = self.series[number], self.test.input_series[number]
        interval, source = self.test.interval or self.file.interval, dict(series.labels)["source"]
        for place, value in expand(section.values):
            time = self.start + place * interval
            at = time + section.delay
            if at > end:
                break
            if not self.polls.fails(source, at):
                yield at, Reading(series, time, value)

    def _answer(self, action: str, at: int) -> Answer:
        for call in self.test.calls:
            lasts = call.to is None or at < self.start + call.to
            if call.action == action and self.start + call.from_ <= at and lasts:
                return Answer(call.error, error=True, permanent=call.permanent)
        return Answer()

    # what is looked at

    def _checks(self) -> Iterator[_Check]:
        for key in ("alert_rule_test", "target_test", "delivery_test", "correction_test"):
            for index, case in enumerate(getattr(self.test, key)):
                at = case.span[1] if isinstance(case, DeliveryCase) else case.eval_time
                yield _Check(self.start + at, self.file.place((*self.path, key, index)), case)

    def _look(self, check: _Check, course: Course) -> Iterator[Failure]:
        case, when = check.case, f"at {duration_text(check.at - self.start)}"
        if isinstance(case, AlertCase):
            diff = comparing.alerts(case, list(self._firing(case.alertname, check.at, course)))
            said = f"{when}, alert {case.alertname}"
        elif isinstance(case, TargetCase):
            key = InstanceKey(case.target, labels_of(case.labels))
            state = course.states(check.at).instances.get(key)
            diff = comparing.target(case, state.assessment if state else None, self._described(state, check.at))
            said = f"{when}, target {case.target}"
        elif isinstance(case, DeliveryCase):
            first, last = (self.start + time for time in case.span)
            sent = [n for n in course.notices.get(case.receiver, ()) if first <= n["at"] <= last]
            diff = comparing.deliveries(case, sent, self.start)
            said = f"{when}, deliveries to {case.receiver}"
        else:
            runs = [run for run in course.runs.values() if _meant(run, case)]
            diff = comparing.corrections(case, runs)
            said = f"{when}, corrections" + (f" of {case.target}" if case.target else "")
        if diff:
            yield Failure(check.place, said, diff)

    def _described(self, state: InstanceState | None, at: int) -> str:
        target = self.file.config.targets.get(state.key.target) if state else None
        return describe(target, state.assessment, at) if target and state else ""

    def _firing(self, name: str, at: int, course: Course) -> Iterator[comparing.Alert]:
        """The labels and annotations of the alerts of a name that fire; those that recover fire still."""
        for state in course.states(at).instances.values():
            status = state.alerts.get(name)
            if status is not None and alerts.is_open(status):
                yield self._alert(state.key, name, status, at, state.assessment)
        if name == alerts.SOURCE_ALERT:
            yield from ((labels, {}) for labels in course.of_sources(at))

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
        notice = self.notices.notice(Saying(fired, status), Reason.FIRING, "", at)
        return dict(status.labels), dict(notice.annotations)


def _meant(run: Correction, case: CorrectionCase) -> bool:
    return case.target in {None, run.key.target} and case.action in {None, run.action}
