"""Commands that act: only on what is named exactly, only by operators, and written into the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from agent.alerts.silencing import silence_matchers
from agent.runtime import OpenAlert, Runtime, Unknown
from agent.slack.asking import Word
from agent.slack.names import exact, near
from agent.slack.replies import Button, Reply, cut, lines
from agent.slack.spans import UNDERSTOOD, spoken
from agent.slack.visit import Visit, code, until
from rules.matchers import matchers_text, quoted
from rules.model import AlertState, Matcher, Silence, labels_of, parse_duration
from rules.selectors import matches

UNSILENCE = "unsilence"
LONGEST_NOTE = 2_000
_MOST_LISTED = 15
_MOST_OFFERED = 2_000  # names, as comparing is slow
_LONGEST = parse_duration("1y")
_OPERATORS = frozenset("=~!{")


async def acknowledge(visit: Visit) -> Reply:
    """`ack <alert> [note]`."""
    words = visit.asked.words
    fired = [one for one in visit.runtime.alerts() if one.state != AlertState.PENDING]
    if not words:
        return Reply(_fired(visit, fired), title="Which alert?" if fired else "")
    names = list(dict.fromkeys(name for one in fired for name in alert_names(visit.runtime, one)))
    instances = instances_named(fired)
    taken = leading(words, [*names, *(name for name in instances if name not in names)])
    if taken is None:
        return not_known(visit, "open alert", words[0].text, [*names, *instances], "ack {}")
    name, used = taken
    note = visit.asked.rest(used)[:LONGEST_NOTE]
    before = {one.fingerprint: one for one in fired}
    try:
        meant = [plain_name(visit.runtime, name)] if name in names else instances[name]
        found = [one for each in meant for one in await visit.runtime.acknowledge(each, visit.person, note)]
    except Unknown:
        return lines(f"{name} has ended meanwhile.")
    whom = visit.person.name if visit.asked.public else "you"
    said = [f"Taken by {whom}: {one.name} of {one.subject}{_had(visit, before.get(one.fingerprint))}" for one in found]
    return lines(*said, public=visit.asked.public)


def _had(visit: Visit, before: OpenAlert | None) -> str:
    """Who had it until now, if that was somebody else."""
    if before is None or not before.acknowledged_by or visit.took(before):
        return ""
    return f"; {before.acknowledged_by} had it"


async def silence(visit: Visit) -> Reply:
    """`silence <target|matchers> <duration> <reason>`."""
    words = visit.asked.words
    usage = f"{visit.hint('silence <target or matchers> <duration> <reason>')}, for example "
    usage += visit.hint("silence room 2h windows are open")
    found = next(((index, span) for index in range(1, len(words)) if (span := spoken(words, index))), None)
    if found is None:
        return lines(f"For how long? {UNDERSTOOD} {usage}")
    at, (length, used) = found
    reason = visit.asked.rest(at + used)[:LONGEST_NOTE]
    if not reason:
        return lines(f"Why? Others will see it. {usage}")
    lasting = " ".join(word.text for word in words[at : at + used])
    at -= 1 if at > 1 and words[at - 1].written.casefold() == "for" else 0
    named = " ".join(word.text for word in words[:at])
    if any(sign in word.written for word in words[:at] for sign in _OPERATORS):
        texts = _matcher_texts(visit.asked.text, words[:at])
    else:
        names = _target_names(visit.runtime)
        target = exact(named, names)
        texts = _instance_texts(visit.runtime, named)
        if target is not None:
            texts = [f"target={quoted(plain_name(visit.runtime, target))}"]
        elif not texts:
            offered = islice((*names, *_instance_names(visit.runtime)), _MOST_OFFERED)
            return not_known(visit, "target", named, offered, f"silence {{}} {lasting} …")
    return await _silenced(visit, texts, length, reason)


async def mute(visit: Visit) -> Reply:
    """`mute <source> <duration> [reason]`: the source's own alert and every alert that has it as a label."""
    words, sources = visit.asked.words, visit.runtime.config.sources
    if len(words) < 2:
        return lines(f"Mute what, for how long? {visit.hint('mute <source> <duration>')}")
    source = exact(words[0].text, sources)
    if source is None:
        return not_known(visit, "source", words[0].text, sources, f"mute {{}} {words[1].text}")
    at = 2 if words[1].written.casefold() == "for" else 1
    span = spoken(words, at)
    if span is None:
        return lines(f"{visit.asked.rest(1)!r} begins with no duration. {UNDERSTOOD}")
    reason = visit.asked.rest(at + span.used)[:LONGEST_NOTE] or "muted from Slack"
    return await _silenced(visit, [f"source={quoted(source)}"], span.micros, reason)


async def unsilence(visit: Visit) -> Reply:
    """`unsilence [id|target|matchers]`: ends one, or shows those that hold with a button each."""
    wanted = visit.asked.rest()
    if not wanted:
        return held_silences(visit)
    held = _held(visit)
    targets = _target_names(visit.runtime)
    target = exact(wanted, targets)
    ended = [one for one in held if one.id == wanted.casefold()]
    if not ended and target is not None:
        only = Matcher("target", "=", plain_name(visit.runtime, target))
        ended = [one for one in held if only in one.matchers]
    if not ended and target is None:
        same = _as_silenced(visit)
        ended = [one for one in held if set(one.matchers) == same]
    if not ended:
        known = [one.id for one in held]
        if target is not None:
            return lines(f"No silence names target {target}.", *held_silences(visit).lines)
        return not_known(visit, "silence", wanted, [*known, *targets], "unsilence {}")
    for one in ended:
        await visit.runtime.expire(one.id, visit.person)
    return lines(
        *(f"Ended: {code(matchers_text(one.matchers))} ({one.id})" for one in ended), public=visit.asked.public
    )


def _as_silenced(visit: Visit) -> set[Matcher]:
    """What `silence` would make of these words: matchers, or an instance by its name."""
    words, runtime = visit.asked.words, visit.runtime
    if any(sign in word.written for word in words for sign in _OPERATORS):
        texts = _matcher_texts(visit.asked.text, words)
    else:
        texts = _instance_texts(runtime, visit.asked.rest())
    try:
        return set(silence_matchers(texts, runtime.config.targets))
    except ValueError:
        return set()


def held_silences(visit: Visit) -> Reply:
    """The silences that hold or will, each with a button that ends it."""
    held = _held(visit)
    if not held:
        return lines("No silences")
    said = [
        f"{one.id} · {code(matchers_text(one.matchers))} · until {until(visit, one.ends)} · {one.author}: {one.reason}"
        for one in held
    ]
    return Reply(said, title="Silences", buttons=[Button(UNSILENCE, one.id, f"End {one.id}") for one in held])


def _held(visit: Visit) -> list[Silence]:
    return [one for one in visit.runtime.silences() if one.ends > visit.now]


async def _silenced(visit: Visit, texts: Sequence[str], length: int, reason: str) -> Reply:
    if not 0 < length <= _LONGEST:
        return lines("A silence lasts longer than nothing and at most a year.")
    try:
        made = await visit.runtime.silence(texts, visit.person, reason, (visit.now, visit.now + length))
    except ValueError as error:
        return lines(f"Nothing was silenced: {error}")
    said = f"Silenced until {until(visit, made.ends)}: {code(matchers_text(made.matchers))} ({made.id})"
    told = [said, f"To end it: {visit.hint(f'unsilence {made.id}')}"]
    if not any(matches(made.matchers, labels_of(one.labels)) for one in visit.runtime.alerts()):
        told.append("No alert that is open now matches it.")
    return lines(*told, public=visit.asked.public)


def _matcher_texts(text: str, words: Sequence[Word]) -> list[str]:
    """Matchers in braces are one text, with the spaces between them; without braces each word is one."""
    if words[0].written.startswith("{"):
        return [text[words[0].start : words[-1].start + len(words[-1].written)]]
    return [word.written if any(sign in word.text for sign in _OPERATORS) else word.text for word in words]


def leading(words: Sequence[Word], names: Iterable[str]) -> tuple[str, int] | None:
    """The longest beginning of the words that is a name, and how many words it takes."""
    known = list(names)
    for used in range(min(len(words), 8), 0, -1):
        found = exact(" ".join(word.text for word in words[:used]), known)
        if found is not None:
            return found, used
    return None


def alert_names(runtime: Runtime, one: OpenAlert) -> Iterator[str]:
    """What an open alert may be called: fingerprint, its name, its target's name or title, its source."""
    target = runtime.config.targets.get(one.key.target)
    names = (one.fingerprint, one.name, one.key.target, one.labels.get("source", ""), target.title if target else "")
    return (name for name in names if name)


def instances_named(fired: Sequence[OpenAlert]) -> dict[str, list[str]]:
    """By what an instance may be called, the fingerprints of its alerts: a label's value, its target with one, and as
    it is written (`room{site="www"}`, of which quotes are taken off)."""
    found: dict[str, list[str]] = {}
    for one in fired:
        values = dict.fromkeys(value for _, value in one.key.labels if value)
        names = [name for value in values for name in (value, f"{one.key.target} {value}")]
        for name in dict.fromkeys([*names, one.subject.replace('"', "")] if values else ()):
            found.setdefault(name, []).append(one.fingerprint)
    return found


def _instance_names(runtime: Runtime) -> dict[str, tuple[str, str, str]]:
    """By its target with a label's value what an instance is: target, label, value."""
    found = ((key.target, label, value) for key in runtime.instances() for label, value in key.labels if value)
    return {f"{target} {value}": (target, label, value) for target, label, value in found}


def _instance_texts(runtime: Runtime, named: str) -> list[str]:
    """The matchers of the instances that are called so; none where several targets have such a one."""
    known = _instance_names(runtime)
    whole = exact(named, known)
    alone = [one for one in known.values() if one[2].casefold() == named.casefold()]
    found = [known[whole]] if whole is not None else alone
    if len(found) != 1:
        return []
    target, label, value = found[0]
    return [f"target={quoted(target)}", f"{label}={quoted(value)}"]


def _target_names(runtime: Runtime) -> list[str]:
    targets = runtime.config.targets
    return list(dict.fromkeys([*targets, *(target.title for target in targets.values())]))


def plain_name(runtime: Runtime, name: str) -> str:
    """The name of the target that has this title, else the name itself."""
    targets = runtime.config.targets
    if name in targets:
        return name
    return next((target.name for target in targets.values() if target.title == name), name)


def _fired(visit: Visit, fired: Sequence[OpenAlert]) -> list[str]:
    if not fired:
        return ["Nothing fires, so there is nothing to take."]
    return cut((f"{one.name} of {one.subject}: {visit.hint(f'ack {one.fingerprint}')}" for one in fired), _MOST_LISTED)


def not_known(visit: Visit, what: str, name: str, known: Iterable[str], how: str) -> Reply:
    """Acting needs the name itself: the near one is only offered."""
    offered = near(name, known)
    if offered is None:
        return lines(f"There is no {what} {name!r}. Nothing was done.")
    shown = f'"{offered}"' if " " in offered else offered
    return lines(f"There is no {what} {name!r}. Did you mean {offered}? {visit.hint(how.format(shown))}")
