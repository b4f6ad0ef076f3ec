"""What a notice says is what is read of its delivery."""

from __future__ import annotations

from dataclasses import replace

import orjson

from agent.sending.envelopes import read_notice
from rules.model import AsFired, News, NoticedAlert, Proposal
from tests.connectors.notifiers import kit


def test_a_notice_comes_back_with_all_its_records() -> None:
    alert = NoticedAlert("firing", "Room", "too hot", "25 °C", "f", {"target": "room"}, {}, {"value": 25.0}, 1, None)
    notice = replace(
        kit.resolved(),
        alerts=(alert,),
        news=(News("Correction cool failed", True),),
        proposals=(Proposal("1", "cool", "would call it", 2),),
        fired=AsFired("too hot", {"value": 25.0}),
        details=("one",),
        why=("two",),
    )
    assert read_notice(orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS)) == notice
