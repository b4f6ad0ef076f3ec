"""What was learned of one number: what is usual for it, and what its newest reading was found to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rules.model.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Distances:
    """How far readings lay from what was expected of them.

    97 % lie within `edge`. Those beyond it went `excess` / `count` further on average, as a natural logarithm of their
    distance over the edge. `past` are the largest distances found lately (32-bit floats), the newest last; `last` is
    how many readings had been seen at the newest.
    """

    edge: float
    excess: float
    count: float
    past: bytes = b""
    last: float = 0.0


class Against(StrEnum):
    """Beside what a reading is unusual."""

    HOUR = "hour"  # the usual for its hour of the week
    BEFORE = "before"  # what it should be if it went on as just before


@quick
@dataclass(frozen=True, slots=True)
class Finding:
    """What a reading was found to be: `unusual` or not, its `expected` value, give or take `edge`.

    `score` in [0, 1] says how rare it is and how new; 0.5 and more is unusual, and stays so until a reading is as
    expected. `since` is the time of the first unusual one, `readings` how many there were, `shift` how far they lay
    from what was expected on average.
    """

    time: int
    value: float
    score: float
    unusual: Against | None
    expected: float
    edge: float
    gap: int  # since the reading before
    since: int = 0
    readings: int = 0
    shift: float = 0.0


@quick
@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual, as learned from `of` up to the reading at `time`; `finding` is None while it is too early to say.

    Values are kept as distances from `base`. `profile` holds what is usual for each hour (`rules.hours`). `seen` counts
    readings, those that come fast by less than one; `pace` is that weight on average. `level` is the mean of long,
    `recent` how far the readings just before lay from the usual of their hours. `bar` is how rare a reading has to be
    to be news. While `held_back` readings are still to come without a revision, one is judged when the next comes.
    """

    of: str
    time: int
    started: int
    base: float
    profile: bytes
    from_hour: Distances
    from_before: Distances
    seen: float = 1.0
    pace: float = 1.0
    level: float = 0.0
    recent: float = 0.0
    bar: float = 0.0
    held_back: int = 0
    finding: Finding | None = None
