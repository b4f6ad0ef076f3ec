"""Dataclasses that are made quickly: the same as the others in everything else."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from rules.model import Assessment, Standing
from rules.model.quick import maker, quick


@dataclass(frozen=True, slots=True)
class Plain:
    """As dataclasses make it."""

    name: str
    size: int = 3
    parts: dict[str, int] = field(default_factory=dict)
    note: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    """The same fields."""

    name: str
    size: int = 3
    parts: dict[str, int] = field(default_factory=dict)
    note: str | None = None


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("a",), {}),
        (("a", 4, {"b": 1}, "n"), {}),
        (("a",), {"note": "n"}),
        ((), {"name": "a", "parts": {"b": 1}}),
        (("a",), {"parts": None}),
    ],
)
def test_it_holds_what_a_plain_one_holds(args: tuple, named: dict) -> None:
    plain = Plain(*args, **named)
    for make in (Quick, maker(Quick)):
        made = make(*args, **named)
        assert repr(made) == repr(plain).replace("Plain", "Quick")
        assert made == Quick(*args, **named)
        assert type(made) is Quick


@pytest.mark.parametrize(("args", "named"), [((), {}), (("a",), {"name": "b"}), (("a",), {"odd": 1}), ((1,) * 5, {})])
def test_what_a_plain_one_refuses_is_refused(args: tuple, named: dict) -> None:
    for kind in (Plain, Quick, maker(Quick)):
        with pytest.raises(TypeError):
            kind(*args, **named)


def test_it_is_frozen() -> None:
    for made in (Quick("a"), maker(Quick)("a")):
        with pytest.raises(FrozenInstanceError):
            made.size = 4  # type: ignore[misc]
        with pytest.raises(FrozenInstanceError):
            del made.size  # type: ignore[misc]
        assert not hasattr(made, "__dict__")


def test_each_has_its_own_default() -> None:
    one, other = Quick("a"), Quick("b")
    assert one.parts is not other.parts


def test_it_is_compared_copied_replaced_and_hashed() -> None:
    made = Assessment(Standing.MET, 1.0, reason="r")
    assert made == Assessment(Standing.MET, 1.0, reason="r") != replace(made, value=2.0)
    assert hash(made) == hash(Assessment(Standing.MET, 1.0, reason="r"))
    assert copy.copy(made) == copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made
