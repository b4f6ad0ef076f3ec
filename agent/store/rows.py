"""Records as rows of the tables, and back. The column lists stand beside the functions that fill them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from agent.acts import Act, Person
from agent.store.codec import encode
from agent.store.records import Attempt, Delivery, DeliveryKind, DeliveryState, Manner, Ping, Receipt, ReportRun
from rules.matchers import matchers_text
from rules.model import (
    Correction,
    Group,
    InstanceState,
    Labels,
    Member,
    Series,
    Silence,
    SourceState,
    Switch,
    Transition,
    Trouble,
)

Row = tuple[Any, ...]

ENDED = "('verified', 'failed', 'escalated', 'skipped', 'undone')"
"""The states of a correction in which nothing more happens, as a list in SQL."""

INSTANCE = ("target", "labels", "standing", "since", "value", "time", "reason", "record")
SOURCE = ("name", "health", "since", "failures", "last_success", "last_error", "record")
RECEIPT = ("source", "message", "at")
PING = ("source", "at", "kind", "exit_status", "body")
TRANSITION = (
    "key", "target", "labels", "alert", "fingerprint", "episode", "event", "at", "before", "after", "detail", "record",
)  # fmt: skip
CORRECTION = (
    "id", "target", "labels", "alert", "fingerprint", "action", "state", "attempt", "created", "updated", "detail",
    "record",
)  # fmt: skip
DELIVERY = (
    "key", "kind", "receiver", "position", "lane", "fingerprint", "starts_at", "payload", "created", "next_at",
    "expires_at", "state", "attempts", "fence", "error", "manner",
)  # fmt: skip
GROUP = ("id", "key", "receiver", "next_look", "record")
MEMBER = ("group_id", "fingerprint", "record")
MENTION = ("fingerprint", "delivery")
SILENCE = ("id", "matchers", "author", "reason", "starts", "ends", "record")
SWITCH = ("name", "enabled", "record")
TROUBLE = ("cause", "since", "over", "words", "record")
ACT = ("at", "name", "via", "person", "act", "subject", "note")
REPORT = ("name", "scheduled", "made", "schedule", "record")
ATTEMPT = ("delivery_id", "number", "at", "took", "error", "permanent")


def insert(table: str, columns: Sequence[str], key: Sequence[str] = (), *, replace: bool = False) -> str:
    """An INSERT of one row; a row whose `key` is there already is left alone, or replaced if `replace`."""
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    if not key:
        return sql
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return f"{sql} ON CONFLICT ({', '.join(key)}) DO " + (f"UPDATE SET {changed}" if replace else "NOTHING")


def labels_text(labels: Labels) -> str:
    """Labels as a JSON object, the same text for the same labels."""
    return orjson.dumps(dict(labels)).decode()


def series_of(name: str, labels: str) -> Series:
    """The series of a row of the table `series`."""
    return Series(name, _labels(labels))


@lru_cache(maxsize=256)  # many have the same
def _labels(text: str) -> Labels:
    return tuple(orjson.loads(text).items())


def instance_row(state: InstanceState) -> Row:
    """Columns INSTANCE."""
    found = state.assessment
    return (
        state.key.target,
        labels_text(state.key.labels),
        found.standing.value,
        state.since,
        found.value,
        found.time,
        found.reason,
        encode(state).decode(),
    )


def source_row(state: SourceState) -> Row:
    """Columns SOURCE."""
    return (
        state.name,
        state.health.value,
        state.since,
        state.failures,
        state.last_success,
        state.last_error,
        encode(state).decode(),
    )


def ping_row(ping: Ping) -> Row:
    """Columns PING."""
    return ping.source, ping.at, ping.kind, ping.exit_status, ping.body


def receipt_row(receipt: Receipt) -> Row:
    """Columns RECEIPT."""
    return receipt.source, receipt.message, receipt.at


def transition_row(change: Transition) -> Row:
    """Columns TRANSITION."""
    return (
        change.id,
        change.key.target,
        labels_text(change.key.labels),
        change.alert,
        change.fingerprint,
        change.episode,
        change.event.value,
        change.at,
        change.before.value,
        change.after.value,
        change.detail,
        encode(change).decode(),
    )


def correction_row(run: Correction) -> Row:
    """Columns CORRECTION."""
    return (
        run.id,
        run.key.target,
        labels_text(run.key.labels),
        run.alert,
        run.fingerprint,
        run.action,
        run.state.value,
        run.attempt,
        run.created,
        run.updated,
        run.detail,
        encode(run).decode(),
    )


def group_row(group: Group) -> Row:
    """Columns GROUP."""
    return group.id, group.key, group.receiver, group.next_look, encode(group).decode()


def member_row(member: Member) -> Row:
    """Columns MEMBER."""
    return member.group, member.fingerprint, encode(member).decode()


def silence_row(silence: Silence) -> Row:
    """Columns SILENCE."""
    return (
        silence.id,
        matchers_text(silence.matchers),
        silence.author,
        silence.reason,
        silence.starts,
        silence.ends,
        encode(silence).decode(),
    )


def mention_rows(delivery: Delivery) -> Iterator[Row]:
    """Columns MENTION of a delivery."""
    if delivery.kind is DeliveryKind.NOTICE:
        yield from mentioned(delivery.key, orjson.loads(delivery.payload))


def mentioned(key: str, notice: Mapping[str, Any]) -> Iterator[Row]:
    """Columns MENTION: the alerts that a notice about a group of several names. One about a single alert says it."""
    for alert in notice.get("alerts", ()) if notice.get("group") else ():
        yield alert["fingerprint"], key


def delivery_row(delivery: Delivery) -> Row:
    """Columns DELIVERY. What it is about is read from the payload, the one place that says so."""
    about = orjson.loads(delivery.payload)
    about = about.get("context", about)  # a call's template context says the same
    return (
        delivery.key,
        delivery.kind.value,
        delivery.receiver,
        delivery.position,
        delivery.lane,
        about.get("group") or about.get("fingerprint", ""),
        about.get("starts_at") if about.get("group_since") is None else about["group_since"],
        delivery.payload.decode(),
        delivery.created,
        delivery.next_at,
        delivery.expires_at,
        delivery.state.value,
        delivery.attempts,
        delivery.fence,
        delivery.error,
        delivery.manner.value,
    )


def delivery_of(row: Any, reference: str | None = None, *, same: bool = True) -> Delivery:
    """The delivery of a row of the table `deliveries`; `reference` is its thread's, of the `same` firing or not."""
    thread = None if reference is None else orjson.loads(reference)
    return Delivery(
        key=row["key"],
        kind=DeliveryKind(row["kind"]),
        receiver=row["receiver"],
        position=row["position"],
        lane=row["lane"],
        payload=row["payload"].encode(),
        created=row["created"],
        next_at=row["next_at"],
        expires_at=row["expires_at"],
        id=row["id"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        fence=row["fence"],
        error=row["error"],
        manner=Manner(row["manner"]),
        thread=thread if same else None,
        earlier=None if same else thread,
    )


def attempt_row(attempt: Attempt) -> Row:
    """Columns ATTEMPT."""
    return attempt.delivery_id, attempt.number, attempt.at, attempt.took, attempt.error, int(attempt.permanent)


def attempt_of(row: Any) -> Attempt:
    """The attempt of a row of the table `attempts`."""
    return Attempt(row["delivery_id"], row["number"], row["at"], row["took"], row["error"], bool(row["permanent"]))


def trouble_row(trouble: Trouble) -> Row:
    """Columns TROUBLE."""
    return trouble.cause, trouble.since, trouble.over, trouble.words, encode(trouble).decode()


def act_row(act: Act) -> Row:
    """Columns ACT."""
    who = act.person
    return act.at, who.name, who.via, who.id, act.act, act.subject, act.note


def switch_row(name: str, switch: Switch) -> Row:
    """Columns SWITCH."""
    return name, int(switch.on), encode(switch).decode()


def act_of(row: Any) -> Act:
    """The act of a row of the table `acts`."""
    return Act(row["at"], Person(row["name"], row["via"], row["person"]), row["act"], row["subject"], row["note"])


def report_row(run: ReportRun) -> Row:
    """Columns REPORT."""
    return run.name, run.scheduled, run.made, run.schedule, encode(run).decode()


def ping_of(row: Any) -> Ping:
    """The ping of a row of the table `pings`."""
    return Ping(row["source"], row["at"], row["kind"], row["exit_status"], row["body"])
