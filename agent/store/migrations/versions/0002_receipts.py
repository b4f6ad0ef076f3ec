"""Which messages with an id were taken in, so that one that is sent again is not counted again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "receipts",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "message"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_receipts_at", "receipts", ["at"], unique=False)
