from dataclasses import replace

from rules.model import HOUR, RunState
from rules.undoing import last_made
from tests.rules.test_corrections import T0, begun


def test_of_several_runs_of_a_firing_the_last_whose_call_did_not_fail_is_taken_back() -> None:
    helped = replace(begun(), state=RunState.VERIFIED, called_at=T0, fired_at=T0, place=1)
    again = replace(helped, id="again", created=T0 - HOUR, place=2)  # by a clock that was set back
    failed = replace(helped, id="failed", state=RunState.FAILED, place=3)
    unmade = replace(helped, id="unmade", state=RunState.SKIPPED, called_at=None, place=4)
    assert last_made([again, failed, helped, unmade]) == {"again"}
    assert last_made([failed, unmade]) == set()


def test_each_firing_has_its_own() -> None:
    helped = replace(begun(), state=RunState.VERIFIED, called_at=T0, fired_at=T0)
    later = replace(helped, id="later", fired_at=T0 + HOUR, created=T0 + HOUR)
    assert last_made([helped, later]) == {helped.id, "later"}
