"""Commands that look: everybody may use them, and a near name will do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from agent.alerts.notices import values_of
from agent.slack.chart import charted
from agent.slack.names import Named, find, folded, things
from agent.slack.replies import Reply, cut, lines
from agent.slack.visit import Visit, alert_line
from agent.slack.whys import why_lines
from connectors.facts import facts
from rules.model import Event, Health, InstanceKey, InstanceState, Notice, Reason, Standing, Target
from rules.words import headline, span

_MOST_ALERTS = 15
_MOST_INSTANCES = 10
MOST_TARGETS = 40
_MOST_EXPLAINED = 5
_WORST_FIRST = (
    Standing.OUT_OF_BAND, Standing.MISSED, Standing.BEHIND, Standing.NO_DATA, Standing.TOO_EARLY, Standing.ON_TRACK,
    Standing.IN_BAND, Standing.MET,
)  # fmt: skip


async def status(visit: Visit) -> Reply:
    """How everything stands, or one target or source."""
    wanted = visit.asked.rest()
    if not wanted:
        return _overview(visit)
    named, said = _looked_up(visit, wanted)
    if named is None:
        return said
    if named.kind == "source":
        return Reply([*said.lines, *_source(visit, named.name)], title=f"Source {named.name}")
    return _target(visit, named, said.lines)


async def targets(visit: Visit) -> Reply:
    """Every target in a line, or those whose name, title or standing has the words."""
    found = target_lines(visit, visit.asked.rest())
    if not found:
        return lines(f"No target has {visit.asked.rest()!r} in its name, title or standing.")
    return Reply(cut(found, MOST_TARGETS), title=_count(len(found)))


def target_lines(visit: Visit, words: str = "") -> list[str]:
    """A line for each target whose name, title or standing has the words; worst first."""
    wanted, states = folded(words), _by_target(visit)
    found = []
    for target in visit.runtime.config.targets.values():
        own = states.get(target.name, [])
        standings = sorted({state.assessment.standing for state in own}, key=_WORST_FIRST.index)
        said = ", ".join(one.value.replace("_", " ") for one in standings) or "no data"
        if all(wanted not in folded(text) for text in (target.name, target.title, said)):
            continue
        place = _WORST_FIRST.index(standings[0]) if standings else _WORST_FIRST.index(Standing.NO_DATA)
        found.append((place, target.name, _line(visit, target, own, said)))
    return [line for _, _, line in sorted(found)]


async def why(visit: Visit) -> Reply:
    """Why a target stands where it stands."""
    wanted = visit.asked.rest()
    if not wanted:
        return lines(f"Why what? Name a target or an alert: {visit.hint('why <target>')}")
    named, said = _looked_up(visit, wanted)
    if named is None:
        return said
    if named.kind == "source":
        return Reply([*said.lines, *_source(visit, named.name)], title=f"Source {named.name}")
    return await explained(visit, named.name, said.lines, named.value)


async def explained(visit: Visit, target: str, before: Sequence[str] = (), value: str = "") -> Reply:
    """The explanation of a target's instances, or of those with a label's value; those with open alerts first."""
    named = Named("target", target, value)
    found = [one for one in await visit.runtime.explain(target, None) if _is_meant(named, one.found.key)]
    open_ = {alert.key for alert in visit.runtime.alerts()}
    found.sort(key=lambda one: one.found.key not in open_)
    title = visit.runtime.config.targets[target].title
    if not found:
        return Reply([*before, "Nothing was read yet, so there is nothing to explain."], title=title)
    said = list(before)
    for one in found[:_MOST_EXPLAINED]:
        said += why_lines(one)
    if len(found) > _MOST_EXPLAINED:
        said.append(f"and {len(found) - _MOST_EXPLAINED:,} more instances")
    return Reply(said, title=f"Why: {title}")


def _count(targets: int) -> str:
    return "1 target" if targets == 1 else f"{targets:,} targets"


def _overview(visit: Visit) -> Reply:
    runtime = visit.runtime
    said = list(standings(visit))
    alerts = [alert_line(alert, visit.now) for alert in runtime.alerts()]
    said += cut(alerts, _MOST_ALERTS) or ["No open alerts"]
    for state in runtime.sources().values():
        if state.health is Health.DOWN:
            said += _source(visit, state.name)
    return Reply(said, title="Status")


def standings(visit: Visit) -> Iterator[str]:
    """What is wrong with the daemon, if anything, and how many targets stand how."""
    runtime = visit.runtime
    problem = runtime.alive()
    if problem:
        yield f"Problem: {problem}"
    for trouble in runtime.troubles():
        yield f"Blind: {trouble.words}"
    counts = Counter(state.assessment.standing for state in runtime.instances().values())
    said = ", ".join(f"{counts[one]:,} {one.value.replace('_', ' ')}" for one in _WORST_FIRST if counts[one])
    yield f"{_count(len(runtime.config.targets))}: {said or 'nothing was read yet'}"


def _target(visit: Visit, named: Named, before: Sequence[str]) -> Reply:
    target = visit.runtime.config.targets[named.name]
    own = [state for state in _by_target(visit).get(named.name, []) if _is_meant(named, state.key)]
    alerts = [alert_line(alert, visit.now) for alert in visit.runtime.alerts() if _is_meant(named, alert.key)]
    if len(own) == 1:
        notice = _notice_of(target, own[0], visit.now)
        shown = [f"{fact.label}: {fact.text}" for fact in facts(notice)]
        said = [*before, headline(target, own[0].key, own[0].assessment, Event.FIRING, visit.now), *_held(visit, own)]
        reply = Reply([*said, *shown, *alerts], title=target.title)
        return charted(visit, notice, reply)
    own.sort(key=_gravity)
    said = cut([_instance(visit, target, state) for state in own], _MOST_INSTANCES)
    said = said or ["No data: nothing was read yet"]
    reply = Reply([*before, *said, *cut(alerts, _MOST_ALERTS)], title=target.title)
    return charted(visit, _notice_of(target, own[0], visit.now), reply) if own else reply  # of the gravest


def _notice_of(target: Target, state: InstanceState, now: int) -> Notice:
    """How an instance stands, as a notice would say it that is about no alert: for facts and charts."""
    found = state.assessment
    return Notice(
        reason=Reason.UPDATED,
        status="firing",
        title=target.title,
        headline=headline(target, state.key, found, Event.FIRING, now),
        target=target.name,
        alert="",
        severity="",
        standing=found.standing,
        fingerprint="",
        labels=dict(state.key.labels),
        annotations={},
        values=values_of(found),
        starts_at=state.since,
        ends_at=None,
        at=now,
        receiver="",
        period_start=found.start,
        period_end=found.end,
        zone=target.zone,
        unit=target.unit,
        percent=target.percent,
    )


def _is_meant(named: Named, key: InstanceKey) -> bool:
    return key.target == named.name and (not named.value or named.value in dict(key.labels).values())


def _held(visit: Visit, own: Sequence[InstanceState]) -> Iterator[str]:
    for state in own:
        held = visit.runtime.held(state.key)
        if held:
            yield f"Held: {held}, which it depends on, is off"


def _instance(visit: Visit, target: Target, state: InstanceState) -> str:
    line = headline(target, state.key, state.assessment, Event.FIRING, visit.now)
    held = visit.runtime.held(state.key)
    return f"{line} · for {span(visit.now - state.since)}" + (f" · held by {held}, which is off" if held else "")


def _gravity(state: InstanceState) -> tuple[int, object]:
    return _WORST_FIRST.index(state.assessment.standing), state.key


def _line(visit: Visit, target: Target, own: Sequence[InstanceState], said: str) -> str:
    if len(own) == 1:
        return f"{target.name} · {headline(target, own[0].key, own[0].assessment, Event.FIRING, visit.now)}"
    title = f" · {target.title}" if target.title != target.name else ""
    return f"{target.name}{title} · {said}" + (f" · {len(own):,} instances" if own else "")


def _by_target(visit: Visit) -> dict[str, list[InstanceState]]:
    found: dict[str, list[InstanceState]] = {}
    for state in visit.runtime.instances().values():
        found.setdefault(state.key.target, []).append(state)
    return found


def _source(visit: Visit, name: str) -> Iterator[str]:
    state = visit.runtime.sources()[name]
    last = "never read" if state.last_success is None else f"last read {span(visit.now - state.last_success)} ago"
    yield f"Source {name} is {state.health.value}, {last}" + (f": {state.last_error}" if state.last_error else "")


def _looked_up(visit: Visit, wanted: str) -> tuple[Named | None, Reply]:
    """What is meant, with a line before the answer if its name was only near; else what to say instead."""
    found = find(wanted, things(visit.runtime))
    if found.named is not None:
        return found.named, Reply([] if found.exact else [f"There is no {wanted!r}; this is {found.named.shown}."])
    if found.near:
        return None, lines(f"There is no {wanted!r}; did you mean {', '.join(found.near)}?")
    return None, lines(f"There is no {wanted!r}. {visit.hint('targets')} lists what there is.")
