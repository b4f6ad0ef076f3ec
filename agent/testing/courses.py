"""What one test goes through: all that a daemon decides, or the engine's verdicts alone where nothing else is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agent.config.configuration import Configuration
from agent.rehearsal.moments import Moment
from agent.rehearsal.verdicts import Verdicts
from agent.testing.language import TestSection, Word
from rules.engine import Batch, States, evaluate
from rules.history import History
from rules.model import Correction
from rules.specs import Specs


class Course:
    """Goes on through a test's moments, and says how everything stands on the way.

    `notices` by receiver, as far as they are asked for, and `runs` by id are what came of it so far.
    """

    def __init__(self, moments: Iterator[Moment]) -> None:
        self.notices: dict[str, list[dict[str, Any]]] = {}
        self.runs: dict[str, Correction] = {}
        self.moments = Moments(moments)

    def until(self, at: int) -> None:
        """Goes on to a time, all that comes then included."""
        raise NotImplementedError

    def states(self, at: int) -> States:
        """How everything stands when it is looked at, which changes nothing."""
        raise NotImplementedError

    def of_sources(self, _at: int) -> Iterator[dict[str, str]]:
        """The labels of the alerts that fire for sources."""
        return iter(())

    def say(self, word: Word, at: int) -> None:
        """A person's word: to every proposal of an action that waits, a silence, or that alerts are taken."""


def asks_for_verdicts_alone(test: TestSection) -> bool:
    """Whether a test looks only at how targets and alerts stand, of which what is told and called changes nothing."""
    return not (test.failing or test.delivery_test or test.correction_test or test.answers)


class Judged(Course):
    """The engine alone, so that looks which find nothing but other numbers can be left out."""

    def __init__(self, config: Configuration, start: int, moments: Iterator[Moment]) -> None:
        super().__init__(moments)
        # Of a source that is called, as of one that is read whenever something is decided, what did not come is not.
        self.specs = Specs(config.targets.values(), (one.rule.called() for one in config.sources.values()))
        self._verdicts = Verdicts(self.specs, start, apart=None)
        _pass(self._verdicts.begin())

    def until(self, at: int) -> None:
        """As `Course`."""
        _pass(self._verdicts.play((moment.at, moment.readings) for moment in self.moments.until(at)))
        _pass(self._verdicts.wait(at + 1))

    def states(self, at: int) -> States:
        """As `Course`."""
        return looked_at(self.specs, self._verdicts.states(), at, self._verdicts.history)


class Moments:
    """Moments in order, of which those up to a time can be had at a time."""

    def __init__(self, moments: Iterator[Moment]) -> None:
        self._moments = moments
        self._next = next(moments, None)

    def until(self, at: int) -> Iterator[Moment]:
        moment = self._next
        while moment is not None and moment.at <= at:
            yield moment
            moment = next(self._moments, None)
        self._next = moment


def _pass(verdicts: Iterable[object]) -> None:
    for _ in verdicts:
        pass


def looked_at(specs: Specs, known: States, at: int, history: History) -> States:
    """How everything stands that is known when it is looked at."""
    look = Batch(due=list(known.instances))
    changed, _ = evaluate(specs, known, look, at, history)
    return States({**known.instances, **changed.instances}, known.sources)
