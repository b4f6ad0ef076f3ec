"""What a person's word does to a proposal: the first one counts, whoever comes later is told what was decided."""

from __future__ import annotations

from dataclasses import replace

from agent.correcting import WOULD, Corrector
from agent.decided import Decision
from agent.runtime import Word
from rules import corrections
from rules.model import Approval, Correction, RunState
from rules.words import clock_time


def answered(corrector: Corrector, decision: Decision, run: Correction, approval: Approval) -> Word:
    """Takes the word in, unless it comes too late."""
    rule = corrector.rule(run)
    if run.state is RunState.PROPOSED and rule is not None:  # it may have lapsed, or the number be back, unnoticed yet
        now = corrections.step(run, rule, decision.instance(run.key), decision.now)
        another = corrector.proposal(decision, now, rule) if now.state is RunState.PROPOSED and approval.given else now
        if another.state is RunState.PROPOSED and another.asked != now.asked:
            corrector.move(decision, run, replace(another, updated=decision.now))
            said = f"the call is another by now: {another.detail.removeprefix(WOULD)}; approve again if that is right"
            return Word(decision.run(run.id) or run, said, counted=False)
        if now.state is RunState.PROPOSED:
            corrector.move(decision, run, corrections.decided(now, approval))
            corrector.step_runs(decision)
            after = decision.run(run.id) or run
            return Word(after, corrections.line(after), counted=True, agrees=True)
        corrector.move(decision, run, now)
        run = decision.run(run.id) or run
    agrees = run.approval is not None and run.approval.given is approval.given and not run.by_hand
    return Word(run, _why_not(corrector, run, decision.now), counted=False, agrees=agrees)


def _why_not(corrector: Corrector, run: Correction, now: int) -> str:
    """What is said to who comes too late."""
    said = run.approval
    if said is None:
        ended = run.state not in corrections.OPEN
        return corrections.line(run) if ended else f"it needs no approval: {corrections.line(run)}"
    target = corrector.specs.targets.get(run.key.target)
    at = clock_time(said.at, target.zone if target else "UTC", now)
    verb = "asked for" if run.by_hand else "approved" if said.given else "rejected"
    return f"already {verb} by {said.by} at {at}"
