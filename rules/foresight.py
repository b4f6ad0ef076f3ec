"""What a condition on one series will say at readings that come one by one, and at the looks between them.

That is found out of many readings at once, of a copy of the series that is ahead of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from rules.ahead import Ahead, Asked
from rules.conditions import Condition
from rules.expressions import Truth, Value
from rules.functions import NEVER
from rules.goals import Glance
from rules.model import LARGEST, Reading, Standing, Target
from rules.periods import next_look
from rules.tracks import LATEST, Track

Arrival = tuple[int, Sequence[Reading]]
"""When readings arrive together, at least one, and which."""

_IN, _OUT = Standing.IN_BAND, Standing.OUT_OF_BAND  # a member of an enum is slow to look up
_AT_ONCE = 64  # readings that are asked about


class Foresight:
    """What is said at each of some arrivals, of one reading each, by their index.

    `turns` are those at which something else may be found than at the one before, or at a look between the two; it is
    `sure` at some of them that just the opposite is. Of one that nothing was `said` of it is known that it came.
    """

    __slots__ = (
        "_arrivals", "_before", "_condition", "_every", "_last", "_quiet", "_tick", "_track", "_views", "answers", "at",
        "said", "sure", "times", "turns", "values",
    )  # fmt: skip

    def __init__(self, condition: Condition, target: Target, track: Track, tick: int) -> None:
        """Looks that are due less than a `tick` before a reading are made with it."""
        self._condition = condition
        self._every = condition.look_again or NEVER
        self._quiet = target.no_data.after if target.no_data is not None else NEVER
        self._tick = tick
        self._track = track.upto(LATEST)
        self._views = [Ahead(query, self._track, target.zone) for query in condition.queries]
        self._take_up(())
        self._before: tuple[int, Truth] = (0, None)  # when the last of the arrivals before was, and what was said at it
        self._last = (0, 0, NEVER)  # when the last arrival was, the time of its reading, and until when all stays so

    def _take_up(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = arrivals
        self.at, self.times, self.values = list[int](), list[int](), list[float]()
        self.said, self.answers = list[Truth](), list[Sequence[Value]]()
        self.turns, self.sure = list[int](), set[int]()

    def begin(self, arrivals: Sequence[Arrival]) -> None:
        """Turns to what comes next."""
        if self.at:
            self._before = self.at[-1], self.said[-1]
        for at, (reading,) in self._arrivals[len(self.at) :]:
            self._add(at, reading)
        self._take_up(arrivals)

    def know(self, at: int, readings: Sequence[Reading]) -> None:
        """Takes in readings that came together."""
        self.begin(())
        for reading in readings:
            self._add(at, reading)

    def gone_past(self, first: int, before: int, looked: int, *, says: bool, patience: int = 0) -> tuple[int, bool]:
        """The first arrival from one on at which it does not say the same any more, or that comes not `before` a time.

        And whether it is sure to say the opposite there. `says` is what it said when it was `looked` at last. When it
        says something else for less than `patience`, it is the last of such arrivals, as if there had been no others.
        """
        while len(self.at) < first:
            self._foresee()
        if (looked, says) != ((self.at[first - 1], self.said[first - 1]) if first else self._before):
            return first, False
        turn = brief = self._turn_from(first, before)
        while patience and (back := self._back_from(brief, before, patience)) is not None:
            turn, brief = brief, self._turn_from(back + 1, before)
        end = bisect_left(self.at, before, first, turn)
        return end, end == turn and self._is_sure(turn, before)

    def found(self, index: int) -> Glance:
        """What a look finds at an arrival."""
        answers = self.answers[index]
        value = answers[0] if len(answers) == 1 else None
        return Glance(_IN if self.said[index] else _OUT, value, self.times[index], answers=answers)

    def _turn_from(self, first: int, before: int) -> int:
        """The first of the turns from an arrival on; how many arrivals are known where none comes `before` a time."""
        place = bisect_left(self.turns, first)
        while place == len(self.turns) and len(self.at) < len(self._arrivals):
            if self.at and self.at[-1] >= before:
                break
            self._foresee()
        return self.turns[place] if place < len(self.turns) else len(self.at)

    def _is_sure(self, turn: int, before: int) -> bool:
        return turn in self.sure and self.at[turn] < before

    def _back_from(self, turn: int, before: int, patience: int) -> int | None:
        """The turn after one, if what is said between the two is said so briefly, and nothing else is sure after."""
        if not self._is_sure(turn, before):
            return None
        back, over = self._turn_from(turn + 1, before), self.at[turn] + patience
        is_brief = self._is_sure(back, before) and self.at[back - 1] < over and self.at[back] - self._tick < over
        return back if is_brief else None

    def _add(self, at: int, reading: Reading) -> None:
        """Takes in a reading of which nothing is said."""
        _, time, value = reading
        revised = self._track.revised
        self._track.add(time, value if value is not None and -LARGEST <= value <= LARGEST else None, at)
        if self._track.revised > revised:
            for view in self._views:
                view.anew()
        self._before, self._last = (at, None), (at, time, NEVER)

    def _foresee(self) -> None:
        """Finds out about the next few arrivals."""
        index = len(self.at)
        at, times, values = self._next(index)
        if at:
            self._track.extend(times, values)
            self._ask(index, at, times)
        else:
            came, (reading,) = self._arrivals[index]
            at, times, values = [came], [reading.time], [0.0]
            self._add(came, reading)
            self.turns.append(index)
            self.said.append(None)
            self.answers.append(())
        self.at += at
        self.times += times
        self.values += values

    def _next(self, index: int) -> tuple[list[int], list[int], list[float]]:
        """When they arrive, their times and their values, as far as they have some and are in order."""
        newest = self._track.times[-1] if self._track.times else LATEST
        arrives, times, values = list[int](), list[int](), list[float]()
        for at, ((_, time, number),) in self._arrivals[index : index + _AT_ONCE]:
            if number is None or not (newest < time <= at and -LARGEST <= number <= LARGEST):
                break
            arrives.append(at)
            times.append(time)
            values.append(number)
            newest = time
        return arrives, times, values

    def _ask(self, index: int, at: Sequence[int], times: Sequence[int]) -> None:
        """Finds out what is said at readings of the track's end that arrive from an index on, and between them."""
        views, end = self._views, len(self._track.times)
        asked = Asked(at, range(end - len(at) + 1, end + 1))
        seen = [view.seen(asked) for view in views]
        each = [view.lasts(one, asked.held) for view, one in zip(views, seen, strict=True)]
        last, looks = self._last, self._looks(asked, times, each[0] if len(each) == 1 else list(map(min, *each)))
        if looks:
            asked = Asked(*zip(*sorted([*looks, *zip(*asked, strict=True)]), strict=True))
            seen = [view.seen(asked) for view in views]
        rows = list(zip(*[view.answers(one) for view, one in zip(views, seen, strict=True)], strict=True))
        said = list(map(self._condition.decide, rows))
        places = [bisect_left(asked.at, one) for one in at] if looks else range(len(at))
        self._compare(index, last[0], said, zip(at, times, places, strict=True))
        self.said += [said[place] for place in places] if looks else said
        self.answers += [rows[place] for place in places] if looks else rows

    def _looks(self, asked: Asked, times: Sequence[int], until: Sequence[int]) -> list[tuple[int, int]]:
        """The looks before readings at which anything else may be found, and how many readings there are by then.

        What is found at a reading is sure to stay so `until` a time.
        """
        looks, tick, (now, read, same) = list[tuple[int, int]](), self._tick, self._last
        for at, held, time, after in zip(*asked, times, until, strict=True):
            while same <= at - tick and (look := next_look(max(now, same - 1), self._every, read)) <= at - tick:
                one = Asked((look,), (held - 1,))
                looks.append((look, held - 1))
                now, same = look, min(view.lasts(view.seen(one), one.held)[0] for view in self._views)
            now, read, same = at, time, after
        self._last = now, read, same
        return looks

    def _compare(self, index: int, last: int, said: Sequence[Truth], arrive: Iterable[tuple[int, int, int]]) -> None:
        """Finds out where the readings make it say something else, and where it is to be looked at as ever.

        `said` is all that is said from the first look after the `last` arrival on; of each reading it is known when it
        arrives, its time, and the place of what is said then.
        """
        before, quiet, every, due = self.said[-1] if index else self._before[1], self._quiet, self._every, 0
        for at, time, place in arrive:
            calm = place == due or said[due:place].count(before) == place - due
            quick = at - last <= quiet and at < time + every
            if not (calm and quick) or said[place] is not before:
                if calm and quick and None not in {before, said[place]}:
                    self.sure.add(index)
                self.turns.append(index)
            last, before, due, index = at, said[place], place + 1, index + 1
