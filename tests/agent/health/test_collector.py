import gc
from collections.abc import Iterator

import pytest

from agent.health import collector


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    collector.let_go()


def test_no_garbage_is_looked_for_while_much_is_built() -> None:
    with collector.paused():
        assert not gc.isenabled()
        with collector.paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_looks_again_after_a_failure() -> None:
    with pytest.raises(ValueError, match="x"), collector.paused():
        raise ValueError("x")
    assert gc.isenabled()


class Part:
    """Holds itself, so that only the collector finds that nobody needs it."""

    def __init__(self) -> None:
        self.own = self


def parts() -> int:
    gc.unfreeze()  # what is frozen is not among the objects
    return sum(isinstance(one, Part) for one in gc.get_objects())


def test_what_is_kept_is_not_looked_through_until_it_is_renewed() -> None:
    Part()
    collector.keep()
    gc.collect()
    assert parts() == 1
    collector.keep()
    collector.renew()
    assert gc.get_freeze_count()
    assert parts() == 0


def test_what_runs_is_looked_through_less_often() -> None:
    usual = gc.get_threshold()
    collector.keep()
    assert gc.get_threshold()[0] > 10 * usual[0]
    collector.let_go()
    assert gc.get_threshold() == usual


def test_the_more_is_kept_the_more_may_come_before_it_is_looked_through() -> None:
    much = [[] for _ in range(400_000)]
    collector.keep()
    before = gc.get_threshold()[0]
    assert before == gc.get_freeze_count() // 3 > len(much) // 3
    del much
    collector.renew()
    assert gc.get_threshold()[0] == max(50_000, gc.get_freeze_count() // 3) < before - 100_000


def test_what_is_young_is_looked_through_in_smaller_parts_and_everything_as_rarely() -> None:
    _, usual_young, usual_old = gc.get_threshold()
    collector.keep()
    _, young, old = gc.get_threshold()
    assert (young + 1) * 3 < usual_young + 1
    assert (young + 1) * (old + 1) > (usual_young + 1) * (usual_old + 1)


def test_where_nothing_was_kept_nothing_is_renewed() -> None:
    collector.keep()
    collector.let_go()
    Part()
    collector.renew()
    assert not gc.get_freeze_count()
    gc.collect()
    assert parts() == 0
