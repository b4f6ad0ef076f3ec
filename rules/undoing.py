"""What takes a correction back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rules.model import Correction, RunState


def undoing(run: Correction, action: str, now: int) -> Correction:
    """The run of `action` that takes another run back; approved from its start, as nobody is asked again."""
    return replace(
        run,
        id=f"{run.id}-undo",
        action=action,
        state=RunState.APPROVED,
        attempt=0,
        queued=0,
        created=now,
        updated=now,
        fired_at=run.of,
        called_at=None,
        deadline=None,
        not_before=now,
        detail="",
        approval=None,
        thing="",
        waits_for="",
        before=None,
        after=None,
        undoes=run.id,
        undone_by="",
    )


def last_made(runs: Iterable[Correction]) -> set[str]:
    """Of each firing and action the id of the last ended run whose call did not fail, whether it helped or not."""
    made = sorted(filter(_was_made, runs), key=lambda run: run.place)
    return set({(run.key, run.fingerprint, run.of, run.action): run.id for run in made}.values())


def _was_made(run: Correction) -> bool:
    return run.state is RunState.VERIFIED or (run.state is RunState.SKIPPED and run.called_at is not None)
