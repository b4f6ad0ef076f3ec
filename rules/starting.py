"""What a start or a reload looks at, and what the look at everything that a start makes moves on.

Of what time did not ask for, that is nothing that is polled soon.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rules.engine import States
from rules.history import History
from rules.model import Health, InstanceKey, InstanceState, Transition
from rules.model.quick import replace
from rules.specs import Specs

Found = tuple[States, Sequence[Transition]]
"""The states that change and the transitions of their alerts, as `evaluate` gives them."""


def to_look_at(specs: Specs, before: Specs | None, states: States, history: History) -> Collection[InstanceKey]:
    """The instances that a reload looks at, which were decided by what was `before`; all where a start does (None).

    A reload leaves out what it leaves as it was: a look at it would find between two polls what the next one undoes.
    """
    changed = specs.targets.keys() if before is None else specs.changed_since(before)
    known = (key for target in specs.targets for key in history.instances_of_target(target))
    asked = (key for key in (*states.instances, *known) if key.target in changed or key not in states.instances)
    return dict.fromkeys(asked)


def as_due(specs: Specs, states: States, found: Found, history: History, now: int, until: int) -> Found:
    """What the look of a start `found` at `now`, but for what would not have been looked at without the restart.

    The pace of a period falls between two polls: a start in between would tell of it just before a poll shows
    otherwise. So where no look is due an instance stays as it was until its poll, or a look at the time `until` if
    there is none; one that only looks the same keeps the time of its next look.
    """
    changed, transitions = found
    moved = {one.key for one in transitions}
    kept = dict(changed.instances)
    late = set()
    for key, after in changed.instances.items():
        before = states.instances.get(key)
        if before is None or (before.wake is not None and before.wake <= now):
            continue
        if key not in moved and before.assessment.standing is after.assessment.standing:
            kept[key] = _woken_by(after, before.wake)
        elif _is_polled_soon(specs, states, history, key):
            kept[key] = _woken_by(before, until)
            late.add(key)
    return States(kept, changed.sources), [one for one in transitions if one.key not in late]


def _woken_by(state: InstanceState, at: int | None) -> InstanceState:
    """The state to be looked at again at that time, if not earlier."""
    return state if at is None or (state.wake is not None and state.wake <= at) else replace(state, wake=at)


def _is_polled_soon(specs: Specs, states: States, history: History, key: InstanceKey) -> bool:
    """Whether a source that it is judged by is read every so often: then each is so soon after a start."""
    for name in history.members(key).sources or specs.sources_of(key.target):
        rule, source = specs.sources.get(name), states.sources.get(name)
        if rule is not None and rule.every is not None and (source is None or source.health is not Health.DOWN):
            return True
    return False
