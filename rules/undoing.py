"""What takes a correction back."""

from __future__ import annotations

from dataclasses import replace

from rules.model import Correction, RunState


def undoing(run: Correction, action: str, now: int) -> Correction:
    """The run that takes another back."""
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
