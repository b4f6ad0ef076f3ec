"""Whether a newer notice may take the place of one that waits."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds the column; what waits already goes out one by one."""
    op.add_column("deliveries", sa.Column("manner", sa.Text(), server_default="every", nullable=False))
