"""What is taken back when a new configuration ends an alert whose correction is in force."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from agent.corrections.correcting import Corrector
from agent.deciding.decided import Decision
from rules import corrections
from rules.model import Correction, RunState, Transition
from rules.retiring import NOT_CONFIGURED
from rules.undoing import undoing

_IN_FORCE = frozenset({RunState.VERIFYING, RunState.VERIFIED})


def take_back(corrector: Corrector, decision: Decision, ended: Iterable[Transition], actions: Container[str]) -> None:
    """Calls the undo of what helps, or may help, alerts that are no longer configured.

    It goes by the configuration that still knows them. `actions` are those of the new one, which makes the calls. An
    undo that can't be called at once ends, and says why: nothing would be left to wait for.
    """
    for transition in ended:
        for run in decision.runs_of(transition.key, transition.fingerprint, transition.fired_at):
            action = _undo_of(corrector, run)
            if action:
                _take_back(corrector, decision, run, action, action in actions)


def _undo_of(corrector: Corrector, run: Correction) -> str:
    """The action that is to be called when the alert of a correction in force is over."""
    rule = None if run.undoes or run.undone_by or run.state not in _IN_FORCE else corrector.rule(run)
    undo = rule.undo if rule is not None and run.attempt and not run.dry_run else None
    return undo.action if undo is not None and undo.on_resolved else ""


def _take_back(corrector: Corrector, decision: Decision, run: Correction, action: str, known: bool) -> None:
    now = decision.now
    undo = undoing(run, action, now)
    if run.state is not RunState.VERIFIED:
        corrector.move(decision, run, corrections.skipped(run, now, f"{run.alert} {NOT_CONFIGURED}"))
    decision.put_run(replace(decision.run(run.id) or run, undone_by=undo.id))
    if not known:
        decision.put_run(undo)
        corrector.move(decision, undo, corrections.skipped(undo, now, f"the action {NOT_CONFIGURED}"))
        return
    corrector.start(decision, undo)
    after = decision.run(undo.id) or undo
    if after.state in corrections.OPEN and after.state is not RunState.CALLED:
        why = f"{run.alert} {NOT_CONFIGURED}, and it could not be called at once: {after.detail}"
        corrector.move(decision, after, corrections.skipped(after, now, why))
