"""What a configured notifier wants to hear, and how its messages may follow one another."""

from __future__ import annotations

from agent.config.configuration import NotifierEntry
from agent.store.records import Manner
from connectors import registry
from rules.model import Group


def wants_updates(entry: NotifierEntry) -> bool:
    """A kind says so, but for those configurations that know better: a Slack webhook can't edit what it sent."""
    kind = registry.load("notifiers", entry.kind)
    return bool(getattr(entry.config, "wants_updates", kind.wants_updates))


def is_program(entry: NotifierEntry) -> bool:
    """Whether what is sent is read by a program."""
    return bool(getattr(registry.load("notifiers", entry.kind), "wants_every", False))


def keeps_open(entry: NotifierEntry) -> bool:
    """Whether what it was told as firing stays so there until its end is told; configurations may know better."""
    kind = registry.load("notifiers", entry.kind)
    return bool(getattr(entry.config, "keeps_open", getattr(kind, "keeps_open", False)))


def manner_of(entry: NotifierEntry, group: Group) -> Manner:
    """Programs are told of each change, people not of each flap; what edits, and of a group, how things are by now."""
    if is_program(entry):
        return Manner.EVERY
    return Manner.NEWEST if wants_updates(entry) or not group.own else Manner.CALM
