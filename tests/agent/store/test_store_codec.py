"""Records survive as JSON, exactly; older and newer ones are read as far as possible."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from agent.store.store import StoreError
from rules.model import (
    AlertStatus,
    Assessment,
    Correction,
    InstanceKey,
    InstanceState,
    Notice,
    Projection,
    Series,
    SourceState,
    Standing,
    Transition,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.floats(allow_nan=False)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(float, NUMBERS)
st.register_type_strategy(int, st.integers(-(2**62), 2**62))


@pytest.mark.parametrize("kind", [InstanceState, SourceState, Transition, Correction, Notice, Series])
def test_round_trip(kind: type[Any]) -> None:
    @given(st.from_type(kind))
    def holds(record: Any) -> None:
        again = decode(kind, encode(record))
        assert again == record
        assert type(again) is type(record)

    holds()


def test_every_field_comes_back_with_its_own_type() -> None:
    state = InstanceState(
        InstanceKey("t", (("a", "b"),)),
        Assessment(Standing.BEHIND, value=float("inf"), projection=Projection(1.0, low=float("-inf"))),
        1,
        2,
        verdict=Standing.MET,
        alerts={"behind": AlertStatus(episode=3)},
    )
    again = decode(InstanceState, encode(state))
    assert again == state
    assert isinstance(again.key, InstanceKey)
    assert isinstance(again.key.labels[0], tuple)
    assert again.verdict is Standing.MET
    assert isinstance(again.alerts["behind"], AlertStatus)


def test_fields_may_come_and_go() -> None:
    stored = orjson.loads(encode(SourceState("web", failures=2)))
    stored["mood"] = "sunny"
    stored["alert"]["colour"] = {"deep": [1]}
    del stored["failures"]
    assert decode(SourceState, orjson.dumps(stored)) == SourceState("web")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": 5, "health": "purple"}', '{"name": "a", "alert": 3}'])
def test_what_is_no_record_is_said(text: str) -> None:
    with pytest.raises(StoreError, match="stored SourceState can't be read"):
        decode(SourceState, text)
