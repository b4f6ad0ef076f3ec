"""One alert at one evaluation: what its rule makes of how the instance stands, and the transitions that say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rules import alerts, flapping, often, severity
from rules.model import MINUTE, AlertRule, AlertState, AlertStatus, Event, Transition
from rules.model.quick import replace
from rules.scene import Scene
from rules.whens import KINDS, SAYINGS, Asked
from rules.words import span

_NONE: tuple[Transition, ...] = ()
_INACTIVE = AlertState.INACTIVE


def advance(
    asked: Asked, before: AlertStatus, recent: Callable[[], bool], *, still: bool = False
) -> tuple[AlertStatus, Sequence[Transition]]:
    """The alert after its instance was found to stand so, and what happened to it.

    `recent` says whether the readings are recent enough: after a pause of the daemon nothing begins or ends before a
    poll, since windows have emptied and readings have aged only because nobody read. What `still` counts was found of
    the past, and nothing is known by now: no time goes on.
    """
    found = KINDS[asked.rule.when](asked)
    idle = before.state is _INACTIVE and asked.rule.often is None and not before.checks
    if found is None or (idle and not found):
        return before, _NONE
    after, said = _step(asked, before, recent, found=found, still=still)
    if asked.rule.often is not None and alerts.is_open(before) and after.state is _INACTIVE:
        # Some of the last readings may breach still. A second look would find it pending, so the first one does.
        after, begun = _step(asked, after, recent, found=found, still=still)
        said = [*said, *begun]
    if said and not (asked.scene.down or recent()):
        return flapping.checked_on(often.judged_on(before, after), after, asked.rule.flapping), _NONE
    return after, said


def _step(
    asked: Asked, before: AlertStatus, recent: Callable[[], bool], *, found: bool, still: bool
) -> tuple[AlertStatus, Sequence[Transition]]:
    rule, active, enough, status = asked.rule, found, True, before
    if rule.often is not None:
        status, breaches = often.count(asked, rule.often, before, holds=found)
        enough = breaches >= rule.often.breaches
        active = enough if alerts.is_open(before) else breaches > 0
    stays_open = before.flapping_since is not None or (still and rule.keep_firing_for > 0)
    after, event = alerts.step(
        status,
        active=active,
        for_=flapping.FOR_EVER if still and rule.for_ else rule.for_,
        keep_firing_for=flapping.FOR_EVER if stays_open else rule.keep_firing_for,
        now=asked.scene.now,
        may_fire=active and enough and recent(),
    )
    news = None
    if rule.flapping is not None or before.flapping_since is not None:
        after, event, news = flapping.follow(asked, before, after, event)
    if found and rule.when in SAYINGS:
        after = replace(after, said=SAYINGS[rule.when](asked))
    said: list[Transition] = []
    if event is not None:
        after = _named(asked, before, after)
        said.append(_happened(asked, before, after, event))
    if news is not None:
        said.append(_news(asked, before, after, news))
    if rule.worse and after.state is AlertState.FIRING:
        after = _weighed(asked, after, said)
    return after, said


def _named(asked: Asked, before: AlertStatus, after: AlertStatus) -> AlertStatus:
    """The status with fingerprint and labels: as it fired while it is open, else as they are configured.

    The fingerprint is made of the alert's own severity, so that it stays when a severity step changes the label.
    """
    rule, key = asked.rule, asked.scene.key
    if alerts.is_open(before):
        labels = before.labels or alerts.alert_labels(rule, key)
        return replace(after, fingerprint=before.fingerprint, labels=labels)
    labels = alerts.alert_labels(rule, key)
    step = severity.at_first(rule, asked.assessment) if after.state is AlertState.FIRING else ""
    named = severity.labelled(rule, labels, step) if step else labels
    return replace(after, fingerprint=alerts.fingerprint(labels), labels=named, severity=step)


def _happened(asked: Asked, before: AlertStatus, after: AlertStatus, event: Event) -> Transition:
    transition = _transition(asked, before, after, event)
    if before.flapping_since is not None and event is Event.RESOLVED:
        return replace(transition, detail=_settled(before.flapping_since, asked.scene.now))
    flaps = before.flapping_since is not None or after.flapping_since is not None
    return replace(transition, quiet=True) if flaps and event is Event.FIRING else transition


def _news(asked: Asked, before: AlertStatus, after: AlertStatus, news: Event) -> Transition:
    """Says that the alert flaps, or that it does no more and fires."""
    detail = _settled(before.flapping_since or 0, asked.scene.now)
    if news is Event.FLAPPING and asked.rule.flapping is not None:
        of = asked.rule.flapping.of
        detail = f"Changed {flapping.changes(after.checks, of)} times in the last {of} readings"
    return replace(_transition(asked, before, after, news), detail=detail, nth=after.changes)


def _settled(since: int, now: int) -> str:
    return f"Settled after flapping for {span(now - since)}"


def _weighed(asked: Asked, status: AlertStatus, said: list[Transition]) -> AlertStatus:
    """A firing alert with its severity as it is now, which is said if it changed."""
    rule = asked.rule
    after = severity.follow(rule, status, asked.assessment, asked.scene.now)
    if after.severity == status.severity:
        return after
    labels = severity.labelled(rule, after.labels, after.severity)
    after = replace(after, labels=labels, changes=after.changes + 1)
    event = Event.RAISED if severity.is_graver(rule, after.severity, status.severity) else Event.LOWERED
    was, now = (dict(one.labels)["severity"] for one in (status, after))
    transition = _transition(asked, status, after, event)
    said.append(replace(transition, detail=f"Now {now}, was {was}", nth=after.changes))
    return after


def escalate(asked: Asked, status: AlertStatus, recent: Callable[[], bool]) -> tuple[AlertStatus, Sequence[Transition]]:
    """The alert after the escalation steps whose time has come, all of them in one transition.

    As with firing, after a pause of the daemon a poll comes first, unless the source is known to give none.
    """
    at = _next_step(asked.rule, status)
    if at is None or at > asked.scene.now or not (asked.scene.down or recent()):
        return status, _NONE
    since = asked.scene.now - _open_since(status)
    due = [step for step in asked.rule.escalate[status.escalated :] if step.after <= since]
    after = replace(status, escalated=status.escalated + len(due), changes=status.changes + 1)
    said = _transition(asked, status, after, Event.ESCALATED)
    to = tuple(dict.fromkeys(name for step in due for name in step.to))
    return after, (replace(said, detail=f"Not acknowledged for {span(since)}", to=to, nth=after.changes),)


def _open_since(status: AlertStatus) -> int:
    return status.open_since if status.open_since is not None else status.fired_at or 0


def _next_step(rule: AlertRule, status: AlertStatus) -> int | None:
    """When the next escalation step is due; none while the alert recovers or someone has it."""
    if status.state is not AlertState.FIRING or status.acknowledged or status.escalated >= len(rule.escalate):
        return None
    return _open_since(status) + rule.escalate[status.escalated].after


def _transition(asked: Asked, before: AlertStatus, after: AlertStatus, event: Event) -> Transition:
    return Transition(
        asked.scene.key,
        asked.rule.name,
        after.fingerprint,
        after.episode,
        event,
        asked.scene.now,
        before.state,
        after.state,
        after.labels,
        asked.assessment,
        after.fired_at,
    )


def named_apart(said: Sequence[Transition], before: Sequence[Transition]) -> Sequence[Transition]:
    """The transitions, by other names than those `before` them: readings that come at once may make the same again."""
    names = {one.id for one in before}
    found = []
    for one in said:
        while one.id in names:
            one = replace(one, nth=one.nth + 1)  # noqa: PLW2901 - until nobody has that name
        found.append(one)
    return found


def moments(
    rules: Sequence[AlertRule], statuses: Mapping[str, AlertStatus], scene: Scene, *, held: bool = False
) -> list[int]:
    """When time alone may move any of an instance's alerts on; while they are `held`, only what is due to persons."""
    found: list[int] = []
    for rule in rules if statuses else ():
        status = statuses.get(rule.name)
        if status is not None and status.state is not _INACTIVE:
            if not held:
                found += _moments(rule, status, scene)
            elif (step := _next_step(rule, status)) is not None:
                found.append(step)
    return found


def _moments(rule: AlertRule, status: AlertStatus, scene: Scene) -> list[int]:
    moments: list[int | None] = [_next_step(rule, status)]
    if rule.worse and status.eased_at is not None and status.state is AlertState.FIRING:
        moments.append(status.eased_at + rule.keep_firing_for)
    if rule.often is not None and status.state is AlertState.PENDING:
        moments.append(scene.now + MINUTE)  # it waits for readings, or for those it has to be recent enough
    elif status.flapping_since is not None:
        moments += flapping.moments(rule, status, scene)
    else:
        moments.append(alerts.wake(status, for_=rule.for_, keep_firing_for=rule.keep_firing_for))
    return [moment for moment in moments if moment is not None]
