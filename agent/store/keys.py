"""Keys that sign what the daemon gives away: made when they are first needed, and kept in the database only."""

from __future__ import annotations

import secrets

from agent.store.connection import Connection

_SIZE = 32  # bytes


def key_of(connection: Connection, name: str, now: int) -> bytes:
    """The key of that name. Runs in the writer's thread, inside its transaction."""
    made = (name, secrets.token_bytes(_SIZE), now)
    connection.execute("INSERT INTO keys (name, secret, created) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING", made)
    return bytes(connection.execute("SELECT secret FROM keys WHERE name = ?", (name,)).fetchone()[0])
