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


def manner_of(entry: NotifierEntry, group: Group) -> Manner:
    """What can edit is told how things are by now, people not of each flap, programs and groups of each change."""
    if wants_updates(entry):
        return Manner.NEWEST
    return Manner.EVERY if is_program(entry) or not group.own else Manner.CALM
