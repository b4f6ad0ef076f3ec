"""Long decisions in steps: whoever has other things to do may do them between two, and the result is the same."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Yields now and then, and returns the result. Nothing it looks at may change meanwhile."""

OFTEN = 50
"""Instances or alerts between two yields: some milliseconds."""


def at_once(steps: Steps[T]) -> T:
    """The result, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
