"""What people do about corrections from Slack: approve, reject, ask for one, and switch all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator

from agent.runtime import OpenAlert, Switched, Unknown, Word
from agent.slack.acting import LONGEST_NOTE, alert_names, instances_named, leading, not_known, plain_name
from agent.slack.names import exact
from agent.slack.replies import Reply, cut, lines
from agent.slack.visit import Visit, until
from rules import corrections as runs
from rules.model import AlertState, Correction, RunState, Series, Switch

SWITCHES = ("on", "off")
_MOST = 15


async def approve(visit: Visit) -> Reply:
    """`approve <id> [note]`."""
    return await _answer(visit, "approve")


async def reject(visit: Visit) -> Reply:
    """`reject <id> [note]`."""
    return await _answer(visit, "reject")


async def _answer(visit: Visit, act: str) -> Reply:
    words = visit.asked.words
    if not words:
        asked = [f"{_line(run)}: {visit.hint(f'{act} {run.short}')}" for run in proposed(visit)]
        return Reply(cut(asked, _MOST) or ["Nothing is proposed."], title="Which correction?" if asked else "")
    do = visit.runtime.approve if act == "approve" else visit.runtime.reject
    return await outcome(do(words[0].text, visit.person, visit.asked.rest(1)[:LONGEST_NOTE]), public=visit.asked.public)


async def run(visit: Visit) -> Reply:
    """`run <action> [alert [note]]`: without an alert for the only one that the action corrects."""
    words, known = visit.asked.words, visit.runtime.config.actions
    if not words:
        return Reply(cut([visit.hint(f"run {name}") for name in known], _MOST) or ["There are no actions."])
    action = exact(words[0].text, known)
    if action is None:
        return not_known(visit, "action", words[0].text, known, "run {}")
    fired = [one for one in visit.runtime.alerts() if one.state != AlertState.PENDING and one.key.target]
    if len(words) == 1:
        own = [one for one in fired if _corrects(visit, action, one)]
        if len(own) != 1:
            return Reply(_choice(visit, action, own or fired), title="For which alert?" if fired else "")
        alert, note = own[0].fingerprint, ""
    else:
        names = list(dict.fromkeys(name for one in fired for name in alert_names(visit.runtime, one)))
        instances = instances_named(fired)
        taken = leading(words[1:], [*names, *(name for name in instances if name not in names)])
        if taken is None:
            return not_known(visit, "open alert", words[1].text, [*names, *instances], f"run {action} {{}}")
        alert, note = plain_name(visit.runtime, taken[0]), visit.asked.rest(1 + taken[1])[:LONGEST_NOTE]
        if taken[0] not in names:
            meant = [one for one in fired if one.fingerprint in instances[taken[0]]]
            meant = [one for one in meant if _corrects(visit, action, one)] or meant
            if len(meant) != 1:
                return Reply(_choice(visit, action, meant), title="For which alert?")
            alert = meant[0].fingerprint
    return await outcome(visit.runtime.run_action(action, alert, visit.person, note), public=visit.asked.public)


def _corrects(visit: Visit, action: str, alert: OpenAlert) -> bool:
    target = visit.runtime.config.targets.get(alert.key.target)
    return target is not None and any((one.action, one.on) == (action, alert.name) for one in target.correct)


def _choice(visit: Visit, action: str, alerts: list[OpenAlert]) -> list[str]:
    if not alerts:
        return ["Nothing fires, so there is nothing to correct."]
    hints = [f"{one.name} of {one.subject}: {visit.hint(f'run {action} {one.fingerprint}')}" for one in alerts]
    return cut(hints, _MOST)


async def corrections(visit: Visit) -> Reply:
    """`corrections [on|off [reason]]`: switches them, or says whether they are on and which are open."""
    words = visit.asked.words
    wanted = words[0].text.casefold() if words else ""
    if wanted in SWITCHES:
        note = visit.asked.rest(1)[:LONGEST_NOTE]
        found = await visit.runtime.switch_corrections(wanted == "on", visit.person, note)
        return lines(_switched(visit, found), public=visit.asked.public)
    if wanted:
        return not_known(visit, "switch", words[0].text, SWITCHES, "corrections {}")
    return Reply([_switch(visit, visit.runtime.switch()), *_open(visit)], title="Corrections")


def _switched(visit: Visit, found: Switched) -> str:
    return _switch(visit, found.switch) if found.counted else f"Nothing changed. {_switch(visit, found.switch)}"


def _switch(visit: Visit, switch: Switch) -> str:
    note = f": {switch.note}" if switch.note else ""
    since = f" since {until(visit, switch.at)}, by {switch.by}{note}" if switch.at else ""
    return f"Corrections are {'on' if switch.on else 'off'}{since}"


def _open(visit: Visit) -> Iterator[str]:
    found = sorted(visit.runtime.corrections(), key=lambda run: run.state is not RunState.PROPOSED)
    if not found:
        yield "None is open"
    yield from cut((_line(one) for one in found), _MOST)


def proposed(visit: Visit) -> list[Correction]:
    """The corrections that wait for a person."""
    return [one for one in visit.runtime.corrections() if one.state is RunState.PROPOSED]


def _line(one: Correction) -> str:
    return f"{one.short} · {one.alert} of {Series(*one.key)} · {runs.line(one)}"


async def outcome(doing: Awaitable[Word], *, public: bool = False, unknown: str = "") -> Reply:
    """What a person's word did. Only what counted is shared. `unknown` is said where there is no such thing."""
    try:
        word = await doing
    except Unknown as error:
        return lines(unknown or f"{_capital(str(error))}. Nothing was done.")
    return lines(_capital(word.words), public=public and word.counted)


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
