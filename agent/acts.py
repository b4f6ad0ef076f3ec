"""Who did what: the people who act on alerts, silences and corrections, and the record of each act."""

from __future__ import annotations

from dataclasses import dataclass

COMMAND_LINE = "setpoint"  # what it calls itself where it asks the daemon


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts. `id` is what `via` knows them by, such as a Slack user id.

    `via` is `slack`, `api`, `cli`, or the kind of notifier whose link was followed, as `email`.
    """

    name: str
    via: str = "api"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did, as the audit log keeps it; `note` is why.

    `act` is acknowledge, silence, expire, …; `subject` names what it was done to: alert, silence or correction.
    """

    at: int
    person: Person
    act: str
    subject: str
    note: str = ""
