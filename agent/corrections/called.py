"""How a corrective call ended, and what that makes of its correction."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.base import ConnectorError
from rules import corrections
from rules.model import DAY, SECOND, Correction, CorrectRule


class Withheld(ConnectorError):
    """A call that was not made, since it must not be any more. What is done instead is the correction's decision."""

    permanent = True
    unsent = True


class Interrupted(ConnectorError):
    """A call that the daemon did not live, or not stay, to hear the answer of: it may have been made."""

    unanswered = True


@dataclass(frozen=True, slots=True)
class Answered:
    """How the call of a correction ended; `withheld`: it was stopped, or put off, before it was made.

    `not_within` is for how many microseconds the other side does not want another. `unanswered`: it may have been made.
    """

    run_id: str
    answer: str
    error: bool
    permanent: bool
    withheld: bool = False
    not_within: int = 0
    unanswered: bool = False


def answered(run_id: str, answer: str | None, error: ConnectorError | None, *, withheld: bool) -> Answered:
    """What a connector says of a call. One that was not sent may have been made before, unless it was `withheld`."""
    if error is None:
        return Answered(run_id, answer or "", error=False, permanent=False)
    later = int(min(error.retry_after or 0.0, DAY // SECOND) * SECOND)
    unanswered = error.unanswered or (error.unsent and not withheld)
    return Answered(run_id, str(error), True, error.permanent, error.unsent, later, unanswered)


def taken(run: Correction, rule: CorrectRule, now: int, found: Answered) -> Correction:
    """The run after its call ended. What may have been made counts as made, but nothing would verify an undo."""
    if found.unanswered:
        undoes = bool(run.undoes)
        said = f"{found.answer}; whether it was made is not known{'' if undoes else ', readings decide'}"
        return corrections.answered(run, rule, now, said, error=undoes, permanent=undoes)
    return corrections.answered(
        run,
        rule,
        now,
        found.answer,
        error=found.error,
        permanent=found.permanent,
        not_within=found.not_within,
    )
