"""What the look of a start finds, but for what would not have been looked at without the restart."""

from __future__ import annotations

import pytest

from rules.engine import States, unknown
from rules.history import History
from rules.model import SECOND, InstanceKey
from rules.model.quick import replace
from rules.specs import Specs
from rules.starting import as_due
from tests.rules.world import NOON

KEY = InstanceKey("t")


@pytest.mark.parametrize(
    ("due", "found", "expected"),
    [
        (NOON + 1, NOON + SECOND, NOON + 1),  # the start's own look puts none off
        (NOON + SECOND, NOON + 1, NOON + 1),
        (None, NOON + SECOND, NOON + SECOND),
        (NOON + 1, None, NOON + 1),
        (NOON, NOON + SECOND, NOON + SECOND),  # it was due: the start's look is it
    ],
)
def test_what_stands_as_before_is_looked_at_again_when_it_was_to_be(due: int | None, found: int | None, expected: int):
    specs, before = Specs((), ()), unknown(KEY, NOON)
    known, changed = States({KEY: replace(before, wake=due)}, {}), States({KEY: replace(before, wake=found)}, {})
    states, _ = as_due(specs, known, (changed, ()), History(specs), NOON, NOON + 30 * SECOND)
    assert states.instances[KEY].wake == expected
