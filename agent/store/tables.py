"""The schema, defined once. Migrations build it, a test holds the two together.

Times are UTC microseconds. Columns named `record` hold the whole record as JSON (`agent.store.codec`); the columns
beside it repeat what other tools and queries want to see. The value of an instance may be a minute old there; the
newest is among the readings.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

Whole = Integer().with_variant(BigInteger, "postgresql")  # 64 bits in both
Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER

series = Table(
    "series",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("name", Text, nullable=False),
    Column("labels", Text, nullable=False),  # JSON object, names sorted
    UniqueConstraint("name", "labels", name="uq_series"),
)

readings = Table(
    "readings",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("time", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Float),
    sqlite_with_rowid=False,
)

rollups = Table(  # of readings that are no more: how many, their sum, and four of them
    "rollups",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("width", BigInteger, primary_key=True, autoincrement=False),  # an hour or a day, UTC
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("readings", BigInteger, nullable=False),
    Column("sum", Float),
    Column("low", Float, nullable=False),
    Column("low_at", BigInteger, nullable=False),
    Column("high", Float, nullable=False),
    Column("high_at", BigInteger, nullable=False),
    Column("first", Float, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last", Float, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

instances = Table(
    "instances",
    metadata,
    Column("target", Text, primary_key=True),
    Column("labels", Text, primary_key=True),  # JSON object, names sorted
    Column("standing", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("value", Float),
    Column("time", BigInteger),
    Column("reason", Text, nullable=False),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

sources = Table(
    "sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("health", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("failures", Whole, nullable=False),
    Column("last_success", BigInteger),
    Column("last_error", Text),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

pings = Table(
    "pings",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("source", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("exit_status", Whole),
    Column("body", Text, nullable=False),
    Index("ix_pings_source", "source", "at"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("source", Text, primary_key=True),
    Column("message", Text, primary_key=True),  # the id its sender gave it
    Column("at", BigInteger, nullable=False),
    Index("ix_receipts_at", "at"),
    sqlite_with_rowid=False,
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("target", Text, nullable=False),
    Column("labels", Text, nullable=False),  # of the instance, JSON object
    Column("alert", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("episode", Whole, nullable=False),
    Column("event", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("ix_transitions_at", "at"),
    Index("ix_transitions_target", "target", "at"),
    Index("ix_transitions_fingerprint", "fingerprint", "id"),
    sqlite_autoincrement=True,
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("labels", Text, nullable=False),  # of the instance, JSON object
    Column("alert", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Whole, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("ix_corrections_created", "created"),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Serial, primary_key=True),  # never used twice: lanes are ordered by it
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("position", Whole, nullable=False),
    Column("lane", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("starts_at", BigInteger),
    Column("payload", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Whole, nullable=False),
    Column("fence", Whole, nullable=False),
    Column("lease_until", BigInteger),
    Column("settled_at", BigInteger),
    Column("error", Text),
    Column("manner", Text, nullable=False, server_default="every"),
    Index(
        "ix_deliveries_queued",
        "lane",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index("ix_deliveries_fingerprint", "fingerprint", "id"),
    Index("ix_deliveries_settled", "settled_at"),
    Index("ix_deliveries_receiver", "kind", "receiver", "settled_at"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("took", BigInteger, nullable=False),
    Column("error", Text),
    Column("permanent", Whole, nullable=False),
    sqlite_with_rowid=False,
)

threads = Table(
    "threads",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("position", Whole, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, primary_key=True),
    Column("starts_at", BigInteger),
    Column("reference", Text, nullable=False),  # JSON
    Column("updated", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

groups = Table(
    "groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),  # as Alertmanager writes it
    Column("receiver", Text, nullable=False),
    Column("next_look", BigInteger),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

members = Table(
    "members",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

mentions = Table(  # which alerts a notice about a group of several named
    "mentions",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("delivery", Text, primary_key=True),  # its key
    Index("ix_mentions_delivery", "delivery"),
    sqlite_with_rowid=False,
)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("matchers", Text, nullable=False),  # as Alertmanager writes them
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

troubles = Table(  # what keeps the daemon from seeing or remembering, by cause: the last of each
    "troubles",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("over", BigInteger),
    Column("words", Text, nullable=False),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

acts = Table(
    "acts",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("person", Text, nullable=False),  # what `via` knows them by
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_acts_at", "at"),
    sqlite_autoincrement=True,
)

keys = Table(  # what is signed with them, whoever has it may use
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),
    Column("enabled", Whole, nullable=False),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

reports = Table(
    "reports",
    metadata,
    Column("name", Text, primary_key=True),
    Column("scheduled", BigInteger, primary_key=True, autoincrement=False),
    Column("made", BigInteger),  # none: from then on the schedule holds
    Column("schedule", Text, nullable=False),
    Column("record", Text, nullable=False),
    sqlite_with_rowid=False,
)

shards = Table(
    "shards",
    metadata,
    Column("shard", Whole, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("taken_at", BigInteger, nullable=False),
)
