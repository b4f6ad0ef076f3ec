"""Long decisions in steps: whoever has other things to do may do them between two, and the result is the same."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
Steps = Generator[None, None, T]
"""Yields now and then, and returns the result. Nothing it looks at may change meanwhile."""

OFTEN = 50
"""Instances or alerts between two yields: some milliseconds."""
MANY = 5_000
"""Things of which little is asked between two yields."""


def in_parts(things: Iterable[T], of: Callable[[Sequence[T]], Iterable[R] | None]) -> Steps[list[R]]:
    """What comes `of` all things, which gets `MANY` at once; no pause where there are no more."""
    left, found = iter(things), list[R]()
    part = list(islice(left, MANY))
    while part:
        found += of(part) or ()
        part = list(islice(left, MANY))
        if part:
            yield
    return found


def at_once(steps: Steps[T]) -> T:
    """The result, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
