from dataclasses import replace

import pytest

from rules import corrections
from rules.beginning import begin
from rules.model import HOUR, MINUTE, AlertState, Approval, Driven, Event, RunState
from tests.rules.test_corrections import RULE, T0, TARGET, begun, firing, room


def test_only_a_new_firing_begins_a_run() -> None:
    assert begun().state is RunState.APPROVED
    assert begin(TARGET, replace(firing(AlertState.RECOVERING), event=Event.RAISED), []) == []
    assert begin(TARGET, replace(firing(), event=Event.RESOLVED), []) == []
    assert begin(TARGET, replace(firing(), alert="cold"), []) == []


@pytest.mark.parametrize(
    ("state", "given", "begins"),
    [
        (RunState.VERIFIED, None, True),
        (RunState.SKIPPED, None, True),
        (RunState.SKIPPED, False, False),
        (RunState.VERIFYING, None, False),
        (RunState.PROPOSED, None, False),
        (RunState.FAILED, None, False),
        (RunState.ESCALATED, None, False),
    ],
)
@pytest.mark.parametrize("event", [Event.SETTLED, Event.FIRING])
def test_one_that_fires_on_after_all_needs_another_run_if_the_first_one_was_for_what_came_back(
    event: Event, state: RunState, given: bool | None, begins: bool
) -> None:
    approval = None if given is None else Approval("ann", T0, given=given)
    again = replace(firing(AlertState.RECOVERING), event=event, at=T0 + HOUR, fired_at=T0)
    earlier = replace(begun(), state=state, approval=approval, called_at=T0)
    found = begin(TARGET, again, [earlier])
    assert [(run.of, run.created) for run in found] == ([(T0, T0 + HOUR)] if begins else [])
    assert len(begin(TARGET, again, [replace(earlier, fired_at=T0 - HOUR)])) == 1  # of another firing
    assert begin(TARGET, again, [replace(earlier, dry_run=True)]) == []


def test_another_run_of_the_same_firing_drives_on_from_where_the_last_one_was() -> None:
    driven = Driven(40.0, 25.0, T0)
    earlier = [replace(begun(), state=RunState.VERIFIED, driven=driven), replace(begun(), state=RunState.SKIPPED)]
    again = replace(firing(AlertState.RECOVERING), at=T0 + HOUR, fired_at=T0)
    assert begin(TARGET, again, earlier)[0].driven == driven
    assert begin(TARGET, replace(firing(), at=T0 + HOUR, fired_at=T0 + HOUR), earlier)[0].driven is None


def test_while_it_flaps_nothing_is_begun_anew() -> None:
    again = replace(firing(AlertState.RECOVERING), at=T0 + HOUR, fired_at=T0)
    earlier = [replace(begun(), state=RunState.VERIFIED, called_at=T0)]
    assert len(begin(TARGET, again, earlier)) == 1
    assert begin(TARGET, replace(again, quiet=True), earlier) == []


def test_the_cooldown_counts_from_the_last_call_for_the_same_instance() -> None:
    earlier = replace(begun(), state=RunState.VERIFIED, called_at=T0 - MINUTE)
    run = begin(TARGET, firing(), [earlier])[0]
    assert run.not_before == T0 + 14 * MINUTE
    assert corrections.step(run, RULE, room(), T0 + 14 * MINUTE - 1) == run
    assert corrections.step(run, RULE, room(), T0 + 14 * MINUTE).state is RunState.CALLED
