"""Under which condition a corrective call may be made."""

from __future__ import annotations

from collections.abc import Sequence

from rules.conditions import Condition
from rules.expressions import Truth
from rules.history import History
from rules.model import InstanceState
from rules.present import counting
from rules.questions import Question, questions
from rules.specs import Specs
from rules.words import number


def unmet(condition: Condition, state: InstanceState, specs: Specs, history: History, now: int) -> str | None:
    """Why a call must not be made for an instance, with the values that say so; None: it may be.

    Of the series that the condition names those count whose labels are not others than the instance's.
    """
    asked = _questions(condition, state, specs, history, now)
    values = [question.answer(now) for question in asked]
    truth: Truth = condition.decide(values)
    if truth:
        return None
    said = dict.fromkeys(
        f"{query.text} {'has no value' if value is None else f'= {number(value)}'}"
        for query, value in zip(condition.queries, values, strict=True)
    )
    return f"precondition {'is not met' if truth is False else 'is open'}: {', '.join(said)}"


def _questions(
    condition: Condition, state: InstanceState, specs: Specs, history: History, now: int
) -> Sequence[Question]:
    found = history.joined(state.key, dict.fromkeys(selector.name for selector in condition.selectors))
    series, tracks = [one for one, _ in found], counting([track for _, track in found], now)
    return questions(condition, specs.targets[state.key.target], series, tracks)
