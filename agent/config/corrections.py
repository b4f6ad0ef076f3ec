"""The corrections of a target: what contradicts itself, and the rules they become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.config.configuration import ActionEntry, Restraint
from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.kinds import reference
from agent.config.language import TargetSection
from agent.config.remedies import (
    ApprovalSection,
    CorrectionsSection,
    CorrectSection,
    OutputSection,
    PidSection,
    UndoSection,
)
from agent.config.series import of_condition
from agent.config.sources import Given
from agent.config.validate import validated
from rules.model import CorrectRule, Pid, Target, Undo

_SECTION = "corrections"


def check_corrections(target: TargetSection, path: Path, document: Document) -> None:
    """A correction answers one of the target's alerts, once, and says nothing that can't be."""
    names = [alert.name for alert in target.alerts]
    seen: set[tuple[str, str]] = set()
    for index, correct in enumerate(() if document.is_broken((*path, "alerts")) else target.correct):
        at = (*path, "correct", index)
        if correct.on not in names:
            hint = near(correct.on, names) or (f"there are {choices(names)}" if names else "it has no alerts")
            document.report((*at, "on"), f"this target has no alert {document.written((*at, 'on'))}", hint)
        elif (correct.on, correct.action) in seen:
            document.report((*at, "action"), f"another correction calls {correct.action} for {correct.on} already")
        seen.add((correct.on, correct.action))
        _check_mode(correct, at, document)
        _check_output(correct, target, (*at, "output"), document)


def _check_mode(correct: CorrectSection, at: Path, document: Document) -> None:
    asks = correct.approval not in {None, "none"} if isinstance(correct.approval, str | None) else True
    if correct.mode == "auto" and asks:
        document.report((*at, "approval"), "asks a person, and mode: auto does not; remove one of them")
    if correct.mode == "propose" and correct.approval == "none":
        document.report((*at, "approval"), "asks nobody, and mode: propose asks a person; remove one of them")


def _check_output(correct: CorrectSection, target: TargetSection, at: Path, document: Document) -> None:
    """What is driven has a number, a place to be driven to, and time to follow."""
    if correct.output is None:
        return
    if correct.cooldown == 0:
        document.report(at, "is set anew every cooldown, which is 0; give the number time to follow", at_key=True)
    if isinstance(correct.output, str):
        _check_template(correct.output, at, document)
    else:
        _check_pid(correct.output.pid, target, (*at, "pid"), document)


def _check_template(text: str, at: Path, document: Document) -> None:
    from connectors.template import NAMES, TemplateError, check

    try:
        check(text, NAMES | {"attempt", "correction"})
    except TemplateError as error:
        document.report(at, str(error))


def _check_pid(pid: PidSection, target: TargetSection, at: Path, document: Document) -> None:
    if pid.min >= pid.max:
        document.report((*at, "min"), f"{pid.min:g} has to be less than max {pid.max:g}")
    if not (pid.kp or pid.ki or pid.kd):
        document.report(at, "has no gain that is not 0, so it always gives the same", at_key=True)
    goal = target.goal
    if document.is_broken((*at[:2], "goal")):
        return
    if target.source or (goal is not None and goal.condition is not None):
        what = "a check-in" if target.source else "a condition"
        document.report(at, f"drives a number, and {what} has none; give output a template", at_key=True)
    elif pid.setpoint is None and goal is None:
        document.report(at, "needs a setpoint, since the target has no goal", at_key=True)
    elif pid.setpoint is not None and goal is not None:
        low, high = goal.at_least, goal.at_most
        if (isinstance(low, float) and pid.setpoint < low) or (isinstance(high, float) and pid.setpoint > high):
            document.report((*at, "setpoint"), f"{pid.setpoint:g} lies outside the goal's band")


def correct_rule(
    model: CorrectSection, path: Path, document: Document, actions: Iterable[str], given: Given
) -> CorrectRule:
    """The rule as the engine takes it; names it has that do not exist are reported."""
    reference((*path, "action"), model.action, actions, "action", document)
    undo = _undo(model, path, document, actions)
    precondition = model.precondition
    if precondition is not None and not of_condition(precondition, (*path, "precondition"), document, given):
        precondition = None
    return CorrectRule(
        on=model.on,
        action=model.action,
        cooldown=model.cooldown,
        max_attempts=model.max_attempts,
        verify_within=model.verify.within,
        escalate_to=tuple(model.escalate.to if model.escalate else ()),
        approve_within=_approve_within(model),
        precondition=precondition,
        dry_run=model.dry_run,
        undo=undo,
        output=_output(model),
    )


def _approve_within(model: CorrectSection) -> int | None:
    if isinstance(model.approval, ApprovalSection):
        return model.approval.within
    asks = model.approval == "required" or model.mode == "propose"
    return ApprovalSection().within if asks else None


def _undo(model: CorrectSection, path: Path, document: Document, actions: Iterable[str]) -> Undo | None:
    if model.undo is None:
        return None
    inside = isinstance(model.undo, UndoSection)
    undo = model.undo if isinstance(model.undo, UndoSection) else UndoSection(action=model.undo)
    at = (*path, "undo", "action") if inside else (*path, "undo")
    if undo.action == model.action:
        document.report(at, f"{undo.action} is the action itself; to undo it takes another")
    else:
        reference(at, undo.action, actions, "action", document)
    return Undo(undo.action, undo.on == "resolved")


def _output(model: CorrectSection) -> Pid | str | None:
    if not isinstance(model.output, OutputSection):
        return model.output
    pid = model.output.pid
    return Pid(pid.kp, pid.ki, pid.kd, pid.min, pid.max, pid.setpoint)


def check_outputs(targets: Iterable[Target], actions: Mapping[str, ActionEntry], document: Document) -> None:
    """A controlled value is used by the action it is for, and one that uses it is given it."""
    for target in targets:
        for index, rule in enumerate(target.correct):
            if rule.output is None:
                _check_without(rule, ("targets", target.name, "correct", index), actions, document)
            action = actions.get(rule.action)
            if rule.output is None or action is None or not hasattr(action.config, "templates"):
                continue
            from connectors.template import uses

            if not any(uses(text, "output") for _, text in action.config.templates()):
                path = ("targets", target.name, "correct", index, "output")
                message = f"no template of {rule.action} takes it; write {{{{ output }}}} there"
                document.report(path, message, at_key=True)


def _check_without(rule: CorrectRule, at: Path, actions: Mapping[str, ActionEntry], document: Document) -> None:
    from connectors.calling import needs_output

    undo = [rule.undo.action] if rule.undo else []
    for key, name in zip(("action", "undo"), [rule.action, *undo], strict=False):
        action = actions.get(name)
        if action is not None and needs_output(action.config):
            said = f"{name} takes {{{{ output }}}}, and this correction gives none"
            document.report((*at, key), said, "give it an output, or write {{ output | default(…) }} in the action")


def build_corrections(document: Document) -> Restraint:
    """What bounds all corrections together."""
    data = document.data.get(_SECTION)
    model = validated(CorrectionsSection, data, (_SECTION,), document) if data is not None else None
    return Restraint(model.budget, model.dry_run) if model else Restraint()
