"""Under which condition a corrective call may be made."""

from __future__ import annotations

from rules.conditions import Condition
from rules.expressions import Truth
from rules.goals import condition_values
from rules.history import History
from rules.model import InstanceKey, InstanceState
from rules.scene import Scene
from rules.specs import Specs
from rules.words import number


def unmet(condition: Condition, state: InstanceState, specs: Specs, history: History, now: int) -> str | None:
    """Why a call must not be made for an instance, with the values that say so; None: it may be.

    Of the series that the condition names those count whose labels are not others than the instance's.
    """
    asked = _scene(condition, state, specs, history, now)
    values = condition_values(asked, condition, asked.now)
    truth: Truth = condition.decide(values)
    if truth:
        return None
    said = dict.fromkeys(
        f"{query.text} {'has no value' if value is None else f'= {number(value)}'}"
        for query, value in zip(condition.queries, values, strict=True)
    )
    return f"precondition {'is not met' if truth is False else 'is open'}: {', '.join(said)}"


def _scene(condition: Condition, state: InstanceState, specs: Specs, history: History, now: int) -> Scene:
    key: InstanceKey = state.key
    found = history.joined(key, dict.fromkeys(selector.name for selector in condition.selectors))
    return Scene(
        key,
        specs.targets[key.target],
        now,
        [series for series, _ in found],
        [track for _, track in found],
        condition,
        (),
        None,
        None,
        state.created,
        now,
        None,
        {},
    )
