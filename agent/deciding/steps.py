"""Long decisions without a long pause of everything else."""

from __future__ import annotations

import asyncio

from rules.steps import Steps, T


async def in_steps(steps: Steps[T]) -> T:
    """The result; between the steps the event loop turns."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
        await asyncio.sleep(0)
