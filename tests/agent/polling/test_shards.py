from agent.polling.shards import assign, shard_of
from agent.store.commits import SHARDS
from rules.model import Goal, Selector, SourceRule, Target
from rules.specs import Specs


def specs(*condition_targets: Target) -> Specs:
    sources = [SourceRule(name, (series,), 1) for name, series in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "z"))]
    return Specs([Target("t", "T", Goal(at_least=1), Selector("x")), *condition_targets], sources)


def test_what_one_target_reads_is_in_one_shard() -> None:
    found = assign(specs())
    assert found == {"a": shard_of("a"), "b": shard_of("a"), "c": shard_of("c"), "d": shard_of("d")}


def test_a_condition_joins_its_sources() -> None:
    joined = assign(specs(Target("u", "U", Goal(condition="last(x) > last(y)"))))
    assert joined["a"] == joined["b"] == joined["c"] == shard_of("a")
    assert joined["d"] == shard_of("d")


def test_shards_are_spread_and_stable() -> None:
    used = {shard_of(f"source-{i}") for i in range(500)}
    assert used == set(range(SHARDS))
    assert shard_of("analytics") == shard_of("analytics")
