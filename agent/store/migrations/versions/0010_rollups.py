"""Roll-ups of readings by the hour and by the day."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds them."""
    kinds = ("low", "high", "first", "last")
    op.create_table(
        "rollups",
        *(
            sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
            for name in ("series_id", "width", "start")
        ),
        sa.Column("readings", sa.BigInteger(), nullable=False),
        sa.Column("sum", sa.Float(), nullable=True),
        *(
            column
            for name in kinds
            for column in (
                sa.Column(name, sa.Float(), nullable=False),
                sa.Column(f"{name}_at", sa.BigInteger(), nullable=False),
            )
        ),
        sa.PrimaryKeyConstraint("series_id", "width", "start"),
        sqlite_with_rowid=False,
    )
