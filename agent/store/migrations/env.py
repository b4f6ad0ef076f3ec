"""What Alembic runs. The connection and its transaction are the caller's (`agent.store.migrate`)."""

from alembic import context

from agent.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
