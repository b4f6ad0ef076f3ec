"""Reports that were made, so that the next one can say what changed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the reports with the standings that they said."""
    op.create_table(
        "reports",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scheduled", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=True),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "scheduled"),
        sqlite_with_rowid=False,
    )
