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


def test_what_was_kept_and_is_no_more_is_let_go_of() -> None:
    class Part:
        other: object

    before = gc.get_freeze_count()
    collector.renew()
    assert gc.get_freeze_count() == before == 0, "nothing was kept, so there is nothing to renew"
    one = Part()
    one.other = one
    gone = id(one)
    collector.keep()
    try:
        del one
        gc.collect()
        gc.unfreeze()
        assert gone in {id(each) for each in gc.get_objects() if isinstance(each, Part)}, "it was not looked through"
        gc.freeze()
        collector.renew()
        assert gc.get_freeze_count()
        gc.unfreeze()
        assert not any(isinstance(each, Part) for each in gc.get_objects())
    finally:
        gc.unfreeze()
