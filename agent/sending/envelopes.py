"""A notice as a delivery of the outbox, and back."""

from __future__ import annotations

import hashlib

import orjson

from agent.store.records import Delivery, DeliveryKind, Manner
from rules.model import DAY, AsFired, Group, News, Notice, NoticedAlert, Proposal, Reason, Transition

EXPIRES_AFTER = 3 * DAY  # how long a delivery is tried


def delivery_of(notice: Notice, group: Group, lead: Transition, position: int, manner: Manner) -> Delivery:
    """What one notifier of the group's receiver is sent; `lead` is what the notice speaks for."""
    told = (group.id, str(group.since), str(group.tellings))
    return Delivery(
        key=idempotency_key(*told, lead.id, notice.reason, notice.receiver, str(position)),
        kind=DeliveryKind.NOTICE,
        receiver=notice.receiver,
        position=position,
        lane=lane_of(notice.receiver, position, notice.group or notice.fingerprint),
        payload=orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS),
        created=notice.at,
        next_at=notice.at,
        expires_at=notice.at + EXPIRES_AFTER,
        manner=manner,
    )


def lane_of(receiver: str, position: int, about: str) -> str:
    """Within which deliveries reach a notifier in order."""
    return f"{receiver}/{position}/{about}"


def idempotency_key(*parts: str) -> str:
    """A stable name of one delivery: 32 hexadecimal digits."""
    return hashlib.sha256("\xff".join(parts).encode()).hexdigest()[:32]


def read_notice(payload: bytes) -> Notice:
    """The notice in a delivery's payload."""
    data = orjson.loads(payload)
    lists = {name: tuple(data.get(name, ())) for name in ("details", "why")}
    alerts = tuple(NoticedAlert(**alert) for alert in data.get("alerts", ()))
    proposals = tuple(Proposal(**proposal) for proposal in data.get("proposals", ()))
    news = tuple(News(**one) for one in data.get("news", ()))
    fired = AsFired(**data["fired"]) if data.get("fired") else None
    records = {"alerts": alerts, "proposals": proposals, "news": news, "fired": fired}
    return Notice(**{**data, **lists, **records, "reason": Reason(data["reason"])})
