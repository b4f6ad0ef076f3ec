"""What a person's word does to a proposal: the first one counts, whoever comes later is told what was decided."""

from __future__ import annotations

from dataclasses import replace

from agent.corrections.correcting import WOULD, Corrector
from agent.deciding.decided import Decision
from agent.runtime import Word
from rules import corrections
from rules.model import Approval, Correction, RunState
from rules.words import clock_time


def approved(corrector: Corrector, decision: Decision, run: Correction, approval: Approval, seen: int | None) -> Word:
    """Takes the word in, unless it comes too late, or is about another call than would be made.

    `seen` is when what the person saw was said, in UTC microseconds, where that is known. Who approves what was shown
    before the call became another is told so, also if somebody else was told already.
    """
    now = _now(corrector, decision, run)
    if now is None or now.state is not RunState.PROPOSED:
        return answered(corrector, decision, run, approval)
    rule = corrector.rule(run)
    another = corrector.proposal(decision, now, rule) if rule is not None else now
    changed = another.state is RunState.PROPOSED and another.asked != now.asked
    if not changed and (seen is None or seen >= run.updated):
        return answered(corrector, decision, run, approval)
    if changed:  # one that reads the same is not shown anew: it is what they saw
        is_shown = another.detail == run.detail
        corrector.move(decision, run, another if is_shown else replace(another, updated=decision.now))
        run = decision.run(run.id) or run
    said = f"the call is another by now: {run.detail.removeprefix(WOULD)}; approve again if that is right"
    return Word(run, said, counted=False)


def answered(corrector: Corrector, decision: Decision, run: Correction, approval: Approval) -> Word:
    """Takes the word in, unless it comes too late."""
    now = _now(corrector, decision, run)
    if now is not None and now.state is RunState.PROPOSED:
        corrector.decide(decision, run, corrections.decided(now, approval))
        after = decision.run(run.id) or run
        return Word(after, corrections.line(after), counted=True, agrees=True)
    if now is not None:
        corrector.move(decision, run, now)
        run = decision.run(run.id) or run
    agrees = run.approval is not None and run.approval.given is approval.given and not run.by_hand
    return Word(run, _why_not(corrector, run, decision.now), counted=False, agrees=agrees)


def _now(corrector: Corrector, decision: Decision, run: Correction) -> Correction | None:
    """A proposal as it is by now: it may have lapsed, or the number be back, unnoticed yet. None: it is no proposal."""
    rule = corrector.rule(run)
    if run.state is not RunState.PROPOSED or rule is None:
        return None
    read = corrector.bounds.read_at(decision, run)
    return corrections.step(run, rule, decision.instance(run.key), decision.now, read)


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
