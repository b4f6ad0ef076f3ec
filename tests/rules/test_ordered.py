"""Values by size are those of a sorted list, whatever came and went."""

from __future__ import annotations

import random

import pytest

from rules.ordered import Ordered


@pytest.mark.parametrize("at_once", [1, 20, 40, 3000])
def test_it_is_a_sorted_list(at_once: int) -> None:
    rng = random.Random(at_once)
    ordered, known = Ordered(), list[float]()
    for step in range(4000 // at_once + 3):
        new = [float(rng.randint(0, 900)) for _ in range(at_once)]
        ordered.add(new)
        known = sorted([*known, *new])
        for _ in range(rng.randint(0, at_once) if step % 2 else 0):
            ordered.remove(known.pop(rng.randrange(len(known))))
        assert len(ordered) == len(known)
        if known:
            assert [ordered[0], ordered[len(known) // 2], ordered[len(known) - 1]] == [
                known[0],
                known[len(known) // 2],
                known[-1],
            ]
    assert list(ordered) == known
