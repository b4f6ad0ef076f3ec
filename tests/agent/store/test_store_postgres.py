"""What is PostgreSQL's own: sessions that are lost, a lock that goes with them, a server that refuses, is slow or full."""

from __future__ import annotations

import asyncio
import math

import asyncpg
import pytest

from agent.store import postgres, postgres_link
from agent.store.connection import LISTED
from agent.store.databases import database_of
from agent.store.postgres_connection import PostgresConnection, translated
from agent.store.records import Commit, Ping
from agent.store.revisions import NEWEST, REVISIONS
from agent.store.store import Fenced, Store, StoreAway, StoreError, StoreInUse, StoreUnavailable
from agent.store.tables import metadata
from rules.model import Assessment, InstanceKey, InstanceState, Reading, Series, Standing
from tests.databases import Databases
from tests.servers import Postgres

S = Series("s")
ONE = Commit(1, readings=[Reading(S, 1, 1.0)])


@pytest.fixture
def lost(databases: Databases, server_url: str):
    """Ends every session of the test's database, as a restart of the server does."""
    sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1"
    return lambda: databases.admin(sql, server_url.rpartition("/")[2])


@pytest.fixture
async def store(server_url: str):
    opened = await Store.open(server_url, 0)
    yield opened
    await opened.close()


@pytest.mark.parametrize("form", ["postgres://", "postgresql+asyncpg://"])
async def test_every_usual_form_of_the_address_is_understood(server_url: str, form: str) -> None:
    store = await Store.open(server_url.replace("postgresql://", form), 0)
    await store.commit(ONE)
    await store.close()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda url: url.replace("Dat%40base", "wrong"), "refuses the user or the password"),
        (lambda url: url.rpartition("/")[0] + "/nowhere", "there is no such database"),
        (lambda url: f"{url.rpartition(':')[0]}:1/test", "can't be used now"),
        (lambda url: url.replace("127.0.0.1", "nowhere.invalid"), "can't be used now"),
    ],
)
async def test_a_server_that_is_away_or_refuses_says_so_without_the_password(database: Postgres, changed, says) -> None:
    for opening in (Store.open(changed(database.url), 0), Store.open_readonly(changed(database.url))):
        with pytest.raises(StoreUnavailable, match=says) as caught:
            await opening
        assert "S3cret" not in str(caught.value)


async def test_a_lost_session_is_replaced_and_its_lock_with_it(
    store: Store, server_url: str, lost, monkeypatch
) -> None:
    await store.commit(ONE)
    lost()
    assert await store.window(["s"], 0, 9) == list(ONE.readings)
    await store.commit(Commit(1, readings=[Reading(S, 2, 2.0)]))
    lost()
    assert len(await store.window(["s"], 0, 9)) == 2
    await store.commit(Commit(1, readings=[Reading(S, 3, 3.0)]))
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.05)
    with pytest.raises(StoreInUse):
        await Store.open(server_url, 0)


async def test_a_database_that_lacks_signs_is_refused_before_one_of_them_comes(databases: Databases) -> None:
    databases.admin("CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StoreError, match=r"/narrow can't keep every text, its encoding is LATIN1"):
        await Store.open(databases.url("narrow"), 0)
    databases.admin("DROP DATABASE narrow")


async def test_a_server_that_lets_nobody_in_is_waited_for_whatever_the_reason(
    store: Store, databases: Databases, server_url: str, lost
) -> None:
    databases.admin("UPDATE pg_database SET datallowconn = false WHERE datname = $1", server_url.rpartition("/")[2])
    lost()
    with pytest.raises(StoreUnavailable, match="is not currently accepting connections"):
        await store.commit(ONE)
    databases.admin("UPDATE pg_database SET datallowconn = true WHERE datname = $1", server_url.rpartition("/")[2])
    await store.commit(ONE)
    assert await store.window(["s"], 1, 9) == list(ONE.readings)


async def test_who_lost_the_database_to_another_daemon_writes_no_more(
    store: Store, server_url: str, lost, monkeypatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.05)
    shards = await store.take_shards("one", 1)
    lost()
    other = await Store.open(server_url, 1_000_000)
    await other.take_shards("two", 2)
    with pytest.raises(StoreInUse, match="in use by another daemon"):
        await store.commit(Commit(1, shards, ONE.readings))
    await other.close()
    with pytest.raises(Fenced):
        await store.commit(Commit(1, shards, ONE.readings))
    assert await store.window(["s"], 0, 9) == []


async def test_its_own_session_that_the_server_still_holds_is_waited_for(server_url: str, monkeypatch) -> None:
    """The network went away: the server did not notice yet that the session before is over."""
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.05)
    link = await asyncio.to_thread(database_of(server_url).take, 0)
    gone, link._connection = link._connection, None
    with pytest.raises(StoreUnavailable, match="the connection was lost"):
        await asyncio.to_thread(link.transaction, [lambda _: None], lambda: None)
    gone.driver.terminate()
    await asyncio.to_thread(link.transaction, [lambda _: None], lambda: None)
    await asyncio.to_thread(link.close)


async def test_a_version_can_t_change_under_a_commit(store: Store, server_url: str, databases: Databases) -> None:
    shards = await store.take_shards("one", 1)

    def job(connection: PostgresConnection) -> None:
        assert connection.shards() == shards
        sql = "UPDATE shards SET version = version + 1 WHERE shard = 3"
        with pytest.raises(asyncpg.LockNotAvailableError):
            databases.run(server_url, sql, setting="lock_timeout = '50ms'")

    await store._write().run(job)


async def test_a_slow_server_is_unavailable_for_a_moment(server_url: str, databases: Databases, monkeypatch) -> None:
    monkeypatch.setattr(postgres_link, "ANSWER_SECONDS", 0.2)
    store = await Store.open(server_url, 0)
    await store.commit(Commit(1, readings=[Reading(S, 0, 0.0)]))
    with databases.holding(server_url, "LOCK TABLE readings"):
        with pytest.raises(StoreUnavailable, match="gave no answer within"):
            await store.commit(ONE)
        with pytest.raises(StoreUnavailable, match="gave no answer within"):
            await store.window(["s"], 0, 9)
    await store.commit(ONE)
    assert await store.window(["s"], 1, 9) == list(ONE.readings)
    await store.close()


@pytest.mark.parametrize(
    ("state", "says", "away"),
    [
        ("53100", "its disk is full", True),
        ("53400", "short of memory", True),
        ("25006", "it is read-only", True),
        ("58030", "its disk reports an error", True),
        ("XX001", "it is damaged", False),
        ("42501", "refuses the user what is needed", False),
    ],
)
async def test_a_server_in_trouble_is_unavailable_and_nothing_is_written(
    store: Store, elsewhere, server_url: str, state: str, says: str, away: bool
) -> None:
    elsewhere(
        server_url,
        f"CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '{state}'; END $$",
    )
    elsewhere(server_url, "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH STATEMENT EXECUTE FUNCTION trouble()")
    both = (store.commit(Commit(1, pings=[Ping("b", 1, "log", None, "")])), store.commit(ONE))
    for outcome in await asyncio.gather(*both, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
        assert isinstance(outcome, StoreAway) == away
        assert says in str(outcome)
    elsewhere(server_url, "DROP TRIGGER t ON readings")
    assert await store.pings("b", 9) == []
    await store.commit(ONE)


async def test_what_can_t_be_mended_by_waiting_is_not_called_so(store: Store, elsewhere, server_url: str) -> None:
    elsewhere(server_url, "ALTER TABLE readings RENAME TO gone")
    with pytest.raises(StoreError, match='does not work: relation "readings" does not exist') as caught:
        await store.commit(ONE)
    assert not isinstance(caught.value, StoreUnavailable)


@pytest.mark.parametrize("committed", [True, False])
async def test_a_connection_lost_while_it_commits_is_cleared_up(store: Store, monkeypatch, *, committed: bool) -> None:
    """The server says afterwards whether it committed; the caller is told the truth."""
    original = PostgresConnection.command

    def cut(self: PostgresConnection, sql: str) -> None:
        if sql != "COMMIT":
            original(self, sql)
            return
        monkeypatch.setattr(PostgresConnection, "command", original)
        original(self, "COMMIT" if committed else "ROLLBACK")
        self.driver.terminate()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(PostgresConnection, "command", cut)
    commit = Commit(1, pings=[Ping("b", 1, "log", None, "")])
    if committed:
        await store.commit(commit)
    else:
        with pytest.raises(StoreUnavailable, match="the connection was lost"):
            await store.commit(commit)
        await store.commit(commit)
    assert len(await store.pings("b", 9)) == 1


async def test_many_new_series_are_a_round_trip_or_two(store: Store, monkeypatch) -> None:
    """Else thousands of them hold up everybody's commits for seconds."""
    asked: list[str] = []
    fetch = PostgresConnection._fetch
    monkeypatch.setattr(PostgresConnection, "_fetch", lambda *given: asked.append(given[1]) or fetch(*given))
    await store.commit(ONE)
    asked.clear()
    many = [Reading(Series(name, (("room", f"r{room}"),)), 1, 1.0) for room in range(500) for name in ("s", "t")]
    await store.commit(Commit(1, readings=many))
    assert len(asked) <= 4
    assert sorted(await store.window(["s", "t"], 0, 9)) == sorted([*ONE.readings, *many])


async def test_values_that_postgresql_has_no_place_for(store: Store) -> None:
    state = InstanceState(InstanceKey("t"), Assessment(Standing.MET, value=math.nan, reason="a\0b"), 0, 0)
    ping = Ping("b", 2**62, "exit", 2**40, "out\0of\0space")
    readings = [Reading(S, 1, math.inf), Reading(S, -(2**62), -0.5), Reading(S, 3, math.nan)]
    await store.commit(Commit(1, readings=readings, pings=[ping], instances=[state]))
    assert await store.pings("b", 9) == [Ping("b", 2**62, "exit", 2**40, "out�of�space")]
    found = (await store.load()).instances[InstanceKey("t")]
    assert found.assessment.reason == "a\0b"  # the record is JSON, which can write it
    window = await store.window(["s"], -(2**63), 2**62)
    assert window == [Reading(S, -(2**62), -0.5), Reading(S, 1, math.inf), Reading(S, 3, None)]


async def test_an_empty_database_is_filled(databases: Databases) -> None:
    url = databases.create(empty=True)
    with pytest.raises(StoreError, match="is empty yet; `setpoint run` fills it"):
        await Store.open_readonly(url)
    store = await Store.open(url, 0)
    await store.commit(ONE)
    await store.close()
    databases.drop(url)


async def test_another_program_s_database_is_left_alone(databases: Databases) -> None:
    url = databases.create(empty=True)
    databases.run(url, "CREATE TABLE customers (id int)")
    with pytest.raises(StoreError, match="another program's database"):
        await Store.open(url, 0)
    databases.drop(url)


async def test_an_older_schema_is_migrated_by_command_only(databases: Databases, elsewhere) -> None:
    url = databases.create(empty=True)
    link = postgres_link.PostgresLink(postgres.PostgresDatabase(url), None)
    await asyncio.to_thread(link.migrate, "0005")
    await asyncio.to_thread(link.close)
    elsewhere(url, "INSERT INTO series (name, labels) VALUES ('s', '{}') RETURNING id")
    for opening in (Store.open(url, 0), Store.open_readonly(url)):
        with pytest.raises(StoreError, match=r"has an older schema; .* then run `setpoint db migrate`"):
            await opening
    assert await asyncio.to_thread(database_of(url).migrate, 0) == ("0005", NEWEST)
    assert await asyncio.to_thread(database_of(url).migrate, 0) == (NEWEST, NEWEST)
    store = await Store.open(url, 0)
    await store.commit(ONE)
    assert elsewhere(url, "SELECT count(*) FROM series") == [(1,)]
    await store.close()
    databases.drop(url)


async def test_migrations_build_exactly_the_tables(databases: Databases, server_url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    url = databases.create(empty=True)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name NOT IN ('alembic_version', 'readings_view') ORDER BY 1, 2"
    )
    indexes = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
    )
    for sql in (columns, indexes):
        assert databases.run(server_url, sql) == databases.run(url, sql)
    found = {row[2] for row in databases.run(url, columns)}
    assert found == {"bigint", "double precision", "text", "bytea"}
    databases.drop(url)


def test_statements_are_translated() -> None:
    assert translated("SELECT ':a?', \"b?\" FROM t WHERE a = ? AND b = ?") == (
        "SELECT ':a?', \"b?\" FROM t WHERE a = $1 AND b = $2",
        (),
    )
    assert translated("SELECT :now + :a1, :now::text") == ("SELECT $1 + $2, $1::text", ("now", "a1"))
    assert translated(f"a IN {LISTED}")[0] == (
        "a IN (SELECT value FROM json_array_elements_text(CAST($1 AS json)) AS each (value))"
    )
    assert REVISIONS[-1] == NEWEST
