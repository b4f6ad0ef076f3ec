"""How long a projection of what adds up lies between two numbers, kept up with each reading that comes."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from rules.forecast import Alike
from rules.model import HOUR
from rules.plans import Course, value_at
from rules.progress import EARLY, Stretch
from rules.projection import Bucket
from rules.spare import Gain, Spare
from rules.tracks import Track


class Room(NamedTuple):
    """Between what a projection has to lie, and below what the value so far; `slack` is taken off everywhere."""

    least: float
    most: float
    value: float
    slack: float


class Paced(Spare):
    """Of readings that come about as far apart as they did, each of which tells of the time until the next.

    In a bucket what is left goes on at its level. Where the buckets after it are alike, it goes on at a level between
    those known, so that no projection has to be made for each of them.
    """

    __slots__ = (
        "_alike", "_bucket", "_end", "_half", "_high", "_least", "_low", "_most", "_room", "_silent", "_so_far",
        "_stop", "_taken", "_track", "_value", "_width",
    )  # fmt: skip

    in_runs = True

    def __init__(self, bucket: Bucket, stretch: Stretch, room: Room, gain: Gain, track: Track, silent: int) -> None:
        """There are looks up to `silent` after a reading, and until then another one."""
        super().__init__(inf, gain)
        self._value, self._end = stretch.value or 0.0, stretch.end
        self._room, self._stop = room, room.value - room.slack
        self._track, self._silent = track, silent
        self._width, self._bucket, self._so_far, self._alike = bucket.width, bucket.end, bucket.so_far, bucket.alike
        self._taken = False  # whether its value so far was taken in, as if the bucket were over
        self._half = bucket.half  # of the widest interval that there may be
        level = bucket.level / bucket.width
        self._expect(level, level, bucket.later, bucket.later)
        if not self._goes_on(stretch.newest or 0):
            self._spare = -inf

    def holds(self, time: int, number: float) -> bool:
        """Whether it holds after one more reading too."""
        if time >= self._bucket and not self._turns(time):
            return False
        added = self._gain(number)
        self._value += added
        self._so_far += added
        return self._goes_on(time)

    def _goes_on(self, time: int) -> bool:
        """Whether the projection lies between both from a reading until the next."""
        gap = self._track.gap()
        if not self._silent < 3 * gap or 2 * gap >= self._width or gap > HOUR // 2:
            return False
        left, value = self._bucket - time - gap, self._value
        if left <= 0:
            if not self._takes(left):
                return False
            return value + self._low * left > self._least and value < self._most and value < self._stop
        return value + self._low * left > self._least and value + self._high * left < self._most and value < self._stop

    def _expect(self, low: float, high: float, least_later: float, most_later: float) -> None:
        """The bucket goes on at a rate between two, and what comes later lies between two."""
        least, most, _, slack = self._room
        self._low, self._high = low, high
        # An interval as wide as the projection is large says nothing.
        self._least = max(least, 2.0 * self._half) + slack - least_later
        self._most = most - slack - most_later

    def _takes(self, left: int) -> bool:
        """Takes in the bucket, which may be over before the next reading comes: so much is left after that was told."""
        if self._alike is None:
            return left == 0
        self._alike = self._alike.after(self._so_far)
        self._half = max(self._half, self._alike.half((self._end - self._bucket) / self._width))
        self._taken = True
        self._range(self._alike)
        return True

    def _turns(self, time: int) -> bool:
        """Turns to the next bucket."""
        if self._alike is None or time >= self._bucket + self._width:
            return False
        if not self._taken:
            self._takes(0)
        self._bucket += self._width
        self._so_far, self._taken = 0.0, False
        self._range(self._alike)
        return True

    def _range(self, alike: Alike) -> None:
        low, high = alike.least / self._width, alike.most / self._width
        after = self._end - self._bucket
        self._expect(low, high, low * after, high * after)


class Planned(Spare):
    """Of what follows a plan: it ends as far from the plan, in proportion, as it is at a time; between two.

    What adds up is told of by readings up to `ahead` after each, and what is read, without a gain, at its time.
    """

    __slots__ = ("_adds_up", "_ahead", "_early", "_least", "_line", "_most", "_stop", "_value")

    def __init__(self, line: Course, stretch: Stretch, room: Room, gain: Gain | None, ahead: int) -> None:
        """A room without an end either way: nothing is said before a tenth of the plan is over."""
        super().__init__(inf, gain or float)
        self._line, self._ahead, self._adds_up = line, ahead, gain is not None
        self._least, self._most, self._stop = room.least + room.slack, room.most - room.slack, room.value - room.slack
        self._early = room.least == -inf and room.most == inf
        self._value = stretch.value or 0.0
        if not self._goes_on(stretch.newest or 0):
            self._spare = -inf

    def holds(self, time: int, number: float) -> bool:
        """Whether it holds after one more reading too."""
        self._value = self._value + self._gain(number) if self._adds_up else number
        return self._goes_on(time)

    def _goes_on(self, time: int) -> bool:
        """Whether it ends between both, from a reading until the next."""
        line, value = self._line, self._value
        begun, over = value_at(line, time) / line[-1][1], value_at(line, time + self._ahead) / line[-1][1]
        if self._early:
            return over < EARLY and value < self._stop
        return begun >= EARLY and self._least <= value / over and value / begun <= self._most and value < self._stop
