import gc

import pytest

from agent import collector


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


def test_where_nothing_was_kept_nothing_is_renewed() -> None:
    collector.keep()
    collector.let_go()
    Part()
    collector.renew()
    assert not gc.get_freeze_count()
    gc.collect()
    assert parts() == 0
