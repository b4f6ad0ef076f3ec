"""The revisions of the schema."""

from __future__ import annotations

from collections.abc import Collection

from agent.store.errors import StoreError

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""Every revision of the schema there has been, oldest first; the last is the one this version works with."""

NEWEST = REVISIONS[-1]


def revision_among(tables: Collection[str], versions: list[str], place: str) -> str | None:
    """The revision of a database with these tables; None if it is empty. Raises StoreError if it is not one of ours.

    `versions` is what its table `alembic_version` holds.
    """
    if "alembic_version" not in tables:
        if tables:
            raise StoreError(f"{place} is another program's database; choose another one")
        return None
    if not versions:
        return None
    if versions[0] not in REVISIONS:
        raise StoreError(
            f"{place} was written by a newer version of Setpoint (schema {versions[0]}); use that version or newer"
        )
    return versions[0]
