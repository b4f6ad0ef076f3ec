"""Which statements are refused before a database sees them: those that plainly write, and no select."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from connectors.statement import check_changes, check_reads, parameters_of

READS = [
    "select 1",
    "  -- delete from x\n/* drop\ntable */ SELECT 1;",
    "# delete from x\nselect 1",
    "(select 1) union (select 2)",
    "select 'a''b; delete from x', \"delete from\" from t",
    "select 1 as insert_into",
    "with x as (select 1) select * from x",
    "with recursive n(i) as (values (0) union all select i + 1 from n) select i from n",
    "with t as materialized (select delete_at, replace(a, 'b', 'c') from u) select * from t",
    "with replace as (select 1) select * from replace",
    "with update as (select 1) select * from update",
    "with a(update, b) as (select 1, 2) select count(update) from a where b in (update, 3)",
    'with "delete" as (select 1) select 1',
    "with `update` as (select 1) select 1",
    "with a as (select $$x (delete from$$) select 1",
    "with x as (select 1), y as (select 2) select * from x for update",
    "values (1)",
    "table t",
    "from t select a",
    "pragma table_info(daily)",
    "explain select 1",
    "show tables",
    "call numbers()",
    "set nocount on; select 1",
    "selec 1",
]
WRITES = [
    ("delete from daily", "DELETE"),
    ("DELETE FROM daily returning *", "DELETE"),
    ("/* new */ Insert into x values (1)", "INSERT"),
    ("replace into t values (1)", "REPLACE"),
    ("drop table x", "DROP"),
    ("truncate t", "TRUNCATE"),
    ("; create table t (a)", "CREATE"),
    ("with x as (select 1) insert into t select * from x", "INSERT"),
    ("with x as (select 1), y as (select 2) update t set a = 1", "UPDATE"),
    ('with x as (select 1) update "t" set a = 1', "UPDATE"),
    ("with x as (delete from t returning *) select * from x", "DELETE"),
    ("with x as (select 1), y as not materialized (update t set a = 1 returning a) select 1", "UPDATE"),
]


@pytest.mark.parametrize("query", READS)
def test_what_may_read_is_left_to_the_database(query: str) -> None:
    assert check_reads(query) == query


@pytest.mark.parametrize(("query", "word"), WRITES)
def test_what_writes_is_refused(query: str, word: str) -> None:
    with pytest.raises(ValueError, match=f"has to read rows, and this is {word}$"):
        check_reads(query)


@pytest.mark.parametrize("query", ["", " ;; ", "-- nothing\n"])
def test_what_says_nothing_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="holds no statement"):
        check_reads(query)


@given(st.text(alphabet="()'\"`[]$;-/*#, \nwith as select delete from x", max_size=60))
def test_any_text_is_answered(text: str) -> None:
    assert check_reads(f"select {text}")


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("update a set b = :b where c = :c or c = :b", ["b", "c"]),
        ("select '12\\:30'::time, x::text, a[1:2]", []),
        ("select '12: 30', ' :30'", ["30"]),
        ("select ':quoted' -- :comment", ["quoted", "comment"]),
        ("select 1", []),
    ],
)
def test_the_parameters_of_a_statement_are_those_sqlalchemy_finds(statement, names):
    assert parameters_of(statement) == names
    assert set(text(statement).compile().params) == set(names)


@pytest.mark.parametrize(
    "statement", ["delete from a; delete from b", "begin", " Rollback ;", "/* x */", ";", "start transaction"]
)
def test_what_is_not_one_statement_of_a_transaction(statement):
    with pytest.raises(ValueError, match="statement"):
        check_changes(statement)


@pytest.mark.parametrize(
    "statement", ["delete from a;", "select ';'", "insert into a values ('x;y') -- ; z", "call heat(1)"]
)
def test_what_is_one_statement(statement):
    assert check_changes(statement) == statement
