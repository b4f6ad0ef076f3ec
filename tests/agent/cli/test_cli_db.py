import sqlite3
from contextlib import closing

from agent.store import migrate, sqlite


def migrated(path, revision="head"):
    migrate.upgrade(lambda: sqlite.connect(path, write=True), revision)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO series (name, labels) VALUES ('s', '{}')")


def test_a_database_goes_into_a_file_and_comes_back(here, project):
    migrated(project / "setpoint.db")
    said = here("db", "backup", "copy.db")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("Wrote copy.db, ")
    said = here("db", "restore", "copy.db", "--to", "sqlite:///other.db")
    assert (said.status, said.out) == (0, "Restored 1 rows; each arrived as it was\n")
    said = here("db", "restore", "copy.db")
    assert (said.status, said.err) == (
        2,
        f"Error: {project}/setpoint.db holds data already; choose an empty database\n",
    )


def test_it_moves_to_a_server_and_back(here, project, databases):
    migrated(project / "setpoint.db")
    url = databases.create(empty=True)
    said = here("db", "move", "--from", "sqlite:///setpoint.db", "--to", url)
    assert (said.status, said.out, said.err) == (0, "Moved 1 rows; each arrived as it was\n", "")
    said = here("db", "move", "--from", url, "--to", "sqlite:///back.db")
    assert (said.status, said.out) == (0, "Moved 1 rows; each arrived as it was\n")
    databases.drop(url)


def test_migrating_says_what_it_did(here, project):
    migrated(project / "setpoint.db", "0004")
    first, second = here("db", "migrate"), here("db", "migrate")
    newest = second.out.removeprefix("The schema is up to date (").rstrip(")\n")
    assert (first.status, first.out) == (0, f"Migrated from 0004 to {newest}\n")
    assert second.status == 0


def test_mistakes_are_2_and_a_server_that_is_away_is_1(here, project):
    lock = sqlite.Lock(project / "setpoint.db", 0)
    assert here("db", "migrate").status == 2
    lock.release()
    said = here("db", "move", "--from", "sqlite:///setpoint.db", "--to", "mysql://u:hunter2@db/x")
    assert said.status == 2
    assert "hunter2" not in said.err
    said = here("db", "backup", "b.db", "--database-url", "postgresql://u:hunter2@127.0.0.1:1/x")
    assert said.status == 1
    assert said.err.startswith("Error: the database postgresql://127.0.0.1:1/x can't be used now: ")
    assert here("db", "move").status == 2
