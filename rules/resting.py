"""An instance at rest: looks that find nothing but other numbers are told from the others without making its state.

How it stands is found by what the engine decides by (`rules.goals.glance`), how far that is sure by `rules.margins` and
`rules.steady`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rules import hindsight
from rules.asking import Asking
from rules.coming import Coming, Since, by_margins
from rules.engine import Instance
from rules.foresight import Foresight
from rules.functions import NEVER
from rules.goals import Glance, glance
from rules.leeway import of_condition
from rules.margins import Margins, margins, of_level
from rules.model import SECOND, Assessment, InstanceState, Reading, RollingPeriod, Standing
from rules.model.quick import replace
from rules.passed import Passed, looks, seen_again
from rules.periods import last_look, look_every, next_look
from rules.present import EARLY
from rules.progress import later
from rules.questions import look_again
from rules.scene import Scene
from rules.steady import lies_between, may_lie_between, steady
from rules.tracks import Track

_UNSURE = 30
_SOON = 8  # readings: of a condition it is not worth while to find out for fewer that they may be left out
_OUT, _MISSED = Standing.OUT_OF_BAND, Standing.MISSED  # a member of an enum is slow to look up


class Resting:
    """An instance whose alerts wait for another standing, or for a time."""

    __slots__ = (
        "again", "asking", "at", "doubt", "end", "every", "foreseen", "found", "left_out", "lone", "looked", "margins",
        "only_alerts", "other", "quiet_after", "quiet_at", "rolls", "scene", "seen", "since", "standing", "start",
        "sure", "time", "track", "unsure", "woken",
    )  # fmt: skip

    def __init__(
        self,
        instance: Instance,
        state: InstanceState,
        scene: Scene,
        seen: Glance | None,
        before: Resting | None,
        *,
        foreseen: bool,
        only_alerts: bool,
    ) -> None:
        """`scene` is what the instance is judged by now that it has this state, as it was `seen` to stand.

        `before` is how it rested last. Of a condition of which is `foreseen` what it says no margins are made. Where
        `only_alerts` count, another standing is nothing but numbers, unless it is a miss.
        """
        self.foreseen, self.only_alerts = foreseen, only_alerts
        self.scene = scene
        target, assessment = scene.target, state.assessment
        self.asking = Asking(instance, state, self.scene)
        self.looked = False  # whether there was a look that found nothing but other numbers
        self.margins: Margins | None = None  # by which looks are left out since
        self.left_out = 0  # so many looks at readings
        self.track: Track | None = None  # the one that they are of
        self.unsure = self.doubt = 0  # for so many readings they are not asked for, the more often the longer
        self.found: Glance | None = None  # at the last look that was made
        self.at = scene.now  # when the last look was, made or left out
        self.sure = 0  # before this time a look without a reading finds the same
        self.again = 0  # nor is a condition looked at before this time, while no reading comes; 0: it was not asked for
        self.standing, self.start, self.time = assessment.standing, assessment.start, assessment.time
        self.since, self.seen = state.since, state.seen
        self.lone = target.goal is None  # it stands by what is unusual alone
        self.rolls = target.goal is not None and isinstance(target.goal.per, RollingPeriod)
        self.every, self.end = looks(self.scene, assessment)
        self.quiet_after = target.no_data.after if target.no_data is not None else NEVER
        self.quiet_at = self.scene.quiet_since + self.quiet_after
        self.woken = state.wake  # when it is looked at without a reading, before a look passed
        self.other: tuple[int, Glance] | None = None  # what the last look found, and when, if there is more to it
        self._begin(assessment, seen, before)

    def _begin(self, assessment: Assessment, seen: Glance | None, before: Resting | None) -> None:
        if before is not None and self.scene.condition is not None:  # a bound is as near as it was
            self.unsure, self.doubt = before.unsure, before.doubt
        goal = self.scene.target.goal
        if self.scene.condition is not None or (goal is not None and goal.per is None):
            self.found = Glance(assessment.standing, assessment.value, assessment.time)
        elif seen is not None and seen.standing is self.standing:
            self.found = seen
        if self.found is not None:
            self._look_ahead(self.at, self.found)

    def look(self, at: int, readings: Sequence[Reading]) -> bool:
        """Whether the look at readings that come together finds nothing but numbers; else all has to be looked at."""
        if self.margins is not None:
            if len(readings) == 1 and at < self.sure and self._holds(self.margins, at, readings[0]):
                return True
            self._give_up(at)
        if self.other is not None and self.other[0] == at and self.other[1].standing is not self.standing:
            return False  # as was foreseen
        newest = self._newest(at, readings)
        if newest is None or at >= self.asking.full:
            return False
        found = self._look(at, newest)
        if found is None:
            return False
        self._came(at, newest)
        self.sure = 0
        if not self._passes(at, found, readings):
            return False
        self._look_ahead(at, found)
        return True

    def go_past(self, coming: Coming, ahead: Foresight | None) -> tuple[int, bool]:
        """Goes past readings of its series, as if it had looked at each, as far as that is found out in less time.

        Says which is the first left, and whether that is in the track already. `ahead` is what is foreseen of them.
        """
        if len(self.scene.tracks) > 1:
            return coming.first, False
        if self.margins is not None:
            return self._by_margins(self.margins, coming)
        return self._by_foresight(ahead, coming) if ahead and self.asking.is_calm else (coming.first, False)

    def _by_margins(self, margins: Margins, coming: Coming) -> tuple[int, bool]:
        until = min(margins.until, coming.before)
        limit = min(until, self.sure + coming.tick, self.quiet_at + 1)
        since = Since(self.time or 0, limit, until, self.quiet_after)
        left, failed = by_margins(margins, self.scene.tracks[0], coming, since)
        if left > coming.first:
            at, ((_, newest, _),) = coming.arrivals[left - 1]
            self._came(at, newest)
            self.left_out += left - coming.first
            self.at, self.sure = at, min(margins.until, newest + margins.silent)
        if failed:
            self._give_up(coming.arrivals[left][0])
        return left, failed

    def _by_foresight(self, ahead: Foresight, coming: Coming) -> tuple[int, bool]:
        """What it stands otherwise at is in the track already, if that is sure."""
        before = min(self.asking.until, self.asking.full, coming.before)
        says, first = self.standing is not _OUT, coming.first
        patience = self.asking.patience if says and coming.briefly else 0
        left, turned = ahead.gone_past(first, before, self.at, says=says, patience=patience)
        end = left + turned
        if end > first:
            self.scene.tracks[0].extend(ahead.times[first:end], ahead.values[first:end])
        if left > first:
            self.found, self.at = ahead.found(left - 1), ahead.at[left - 1]
            self._came(self.at, ahead.times[left - 1])
            self.sure, self.looked = 0, True
        if turned:
            self.other = ahead.at[left], ahead.found(left)
        return left, turned

    def _look(self, at: int, newest: int | None) -> Glance | None:
        """What a look finds; None unless it stands as before, in the same period, or nobody asks how it stands."""
        found = glance(self.scene, at, briefly=self.only_alerts)
        if found is None or not self._is_of(found, newest):
            return None
        if found.sight is None or found.sight.whole:
            self.other = at, found
        stands = self.lone or (found.standing is self.standing and (found.start == self.start or self.rolls))
        return found if stands or self._turns(at, found) else None

    def _turns(self, at: int, found: Glance) -> bool:
        """Turns to another standing or period, if nobody asks for it."""
        if not self.only_alerts or self.rolls or found.start is None or found.end is None:
            return False
        if _MISSED in {self.standing, found.standing} or self.asking.ask_for(self.standing, found.standing):
            return False
        if found.standing is not self.standing:
            self.since = at
        self.standing, self.start, self.unsure = found.standing, found.start, 0
        self.every, self.end = look_every(found.start, found.end), found.end
        return True

    def _holds(self, margins: Margins, at: int, reading: Reading) -> bool:
        """Whether a look at a reading is left out, since it is sure to find nothing but other numbers."""
        _, newest, number = reading
        if number is None or newest <= (self.time or 0) or len(self.scene.tracks) > 1:  # another series joined
            return False
        if not margins.hold(at, newest, number):
            return False
        self._came(at, newest)
        self.left_out += 1
        self.at, self.sure = at, min(margins.until, newest + margins.silent)
        return True

    def _newest(self, at: int, readings: Sequence[Reading]) -> int | None:
        """When the newest was read; None if all has to be looked at: there is none, or no value, or it came late."""
        time = self.time
        if time is None or not readings or (len(readings) > 1 and len(self.scene.tracks) == 1):
            return None
        newest = readings[0].time
        if not time < newest <= at + EARLY:
            return None
        for _, read, value in readings:
            if value is None or read != newest:
                return None
        condition = self.scene.condition
        return None if condition is not None and hindsight.is_old(condition, newest, at) else newest

    def wait(self, due: int, until: int) -> bool:
        """Whether looks from the one `due` on, before `until`, find nothing but numbers; of these it makes the last.

        No reading comes before `until`.
        """
        until = min(until, self.asking.until, self.quiet_at)
        if due >= until or self._is_early(due):
            return due < until
        self._make_up(due)
        before = self.found
        if before is not None and due < (sure := min(self._sure_until(before), until)):
            last, again = self._last_before(sure, due, before)
            return self._passes(last, again)
        if before is not None and before.sight is not None and not self.asking.rules:
            last, _ = self._last_before(until, due, before)
            if last > due and may_lie_between(self.scene, before.sight, last):
                sight = later(self.scene, before.sight, last)
                if lies_between(before.sight, sight):
                    return self._passes(last, before._replace(sight=sight))
        found = self._look(due, self.time)
        if found is None:
            return False
        self.sure = 0
        if not self._passes(due, found):
            return False
        if not self.rolls and self.margins is None:
            self._look_ahead(due, found)
        return True

    def _is_early(self, due: int) -> bool:
        """Whether a condition is not looked at so soon: that is found out only if nothing is read before."""
        condition = self.scene.condition
        if condition is None or not self.every:
            return False
        again = look_again(condition, self.scene.questions, self.at, self._newest_of())
        self.again = NEVER if again is None else again
        return due < self.again

    def sleeps(self, until: int) -> bool:
        """Whether no look before `until` finds anything but what the last one found, nor moves an alert on."""
        if self.margins is not None and until <= self.sure and until <= self.quiet_at:
            return True
        wake, found = self.wake(), self.found
        if wake is None or wake >= until:
            return True
        if found is None or self.rolls or self.asking.waits or until > self.asking.until or until > self.quiet_at:
            return False
        return self._sure_until(found) >= until

    def seen_at(self, time: int) -> Glance | None:
        """What the look at a time found in which not only numbers changed; None if it was not made."""
        return self.other[1] if self.other is not None and self.other[0] == time else None

    def passed_before(self, time: int) -> Passed | None:
        """The last look before a time, if none has found anything but numbers."""
        self._make_up(time)
        if not self.looked or self.found is None:
            return None
        asking = self.asking
        return Passed(self.at, self.standing, self.since, self.seen, self.found, asking.alerts, asking.usual)

    def _give_up(self, at: int) -> None:
        """By margins nothing is left out from a reading on that comes at a time."""
        if self.scene.condition is not None:
            self._learn_from(lasted=self.left_out >= _SOON)
        self._make_up(at)

    def _came(self, at: int, newest: int) -> None:
        self.time, self.seen, self.again = newest, at, 0
        self.quiet_at = at + self.quiet_after

    def _make_up(self, until: int) -> None:
        """Finds the numbers of the last look before a time, if that was left out."""
        if self.margins is None or self.track is None or self.found is None or self.time is None:
            return
        last, before = self.at, self.found
        if self.every:
            last = max(last, last_look(min(until, self.sure), self.every, self._newest_of()))
        if last == self.at and not self.left_out:  # none was left out
            self.margins, self.sure = None, 0
            return
        again = seen_again(self.scene, self.track, last, before, self.time)
        self.asking.left_out(again.time or 0, self.left_out if again.time != before.time else 0)
        self.looked = self.looked or self.left_out > 0 or last > self.at
        self.margins, self.at, self.sure, self.found = None, last, 0, again

    def _is_of(self, found: Glance, newest: int | None) -> bool:
        """Whether it is said with the newest reading known, or of a period that was over before that."""
        return found.time == newest or (not self.rolls and (found.end or NEVER) <= (newest or 0))

    def _sure_until(self, found: Glance) -> int:
        """Before when a look without a reading is sure to find what the last one found."""
        if not self.sure:
            self.sure = steady(self.scene, self.at, found)
            if self.asking.rules:
                self.sure = min(self.sure, self.asking.sure_until(self.at))
        return self.sure

    def _last_before(self, until: int, due: int, found: Glance) -> tuple[int, Glance]:
        """The last of the looks from the one `due` on, before a time until which all find the same."""
        start, end = found.start or 0, found.end or 0
        last = max(due, last_look(until, self.every, self._newest_of())) if self.every else due
        return last, found._replace(start=last - (end - start), end=last) if self.rolls else found

    def _passes(self, at: int, found: Glance, readings: Sequence[Reading] = ()) -> bool:
        """Whether nothing happened to the alerts at a look that was made."""
        if self.asking.rules and not self.asking.go_on(at, self.seen, found, readings):
            return False
        self.at, self.found, self.looked = at, found, True
        return True

    def _look_ahead(self, at: int, found: Glance) -> None:
        """Finds out how far it is sure to stand so; where that is not far, not at every reading."""
        if self.foreseen and self.asking.is_calm:
            return
        if self.unsure or (self.time or 0) > at:  # one that is ahead of the clock may not be counted yet
            self.unsure = max(self.unsure - 1, 0)
            return
        ahead, newest = self._margins(at, found), self.time or 0
        if ahead is None or at >= newest + ahead.silent:
            self._learn_from(lasted=False)
        else:
            self.left_out, self.track = 0, self.scene.tracks[0]
            if self.scene.condition is None:
                self.doubt = 0
            self.margins = replace(ahead, until=min(ahead.until, self.asking.until))
            self.sure = min(self.margins.until, newest + ahead.silent)

    def _learn_from(self, *, lasted: bool) -> None:
        self.unsure = self.doubt = 0 if lasted else min(2 * self.doubt + 1, _UNSURE)

    def _margins(self, at: int, found: Glance) -> Margins | None:
        """How far it stands the same and nothing happens to its alerts."""
        pairs, more = self.asking.pairs(), self.asking.spares()
        if pairs is None or not all(spare.is_left() for spare in more):
            return None
        if self.scene.condition is not None:
            return of_condition(self.scene, self.scene.condition, at)
        if found.sight is None:
            ahead = of_level(self.scene, at, found.value or 0.0, out=found.standing is _OUT)
        else:
            ahead = margins(self.scene, found.sight, at, pairs)
        return replace(ahead, spares=[*ahead.spares, *more]) if ahead is not None and more else ahead

    def wake(self) -> int | None:
        """When time alone may change something, after the last look."""
        if not (self.looked or self.left_out):
            return self.woken
        at, every = self.at, self.every
        soonest = max(min(self.asking.until, self.quiet_at), at + SECOND)
        if every:
            look = max(next_look(at, every, self._newest_of()), self.again)
            if look < self.sure and self.margins is not None:
                look -= (look - self.sure) // every * every  # those before are left out
            if at < self.end < look:
                look = self.end
            soonest = min(soonest, look)
        return None if soonest == NEVER else soonest

    def _newest_of(self) -> int | None:
        """When the newest reading was read that it is said by: while a period is early, one of that before."""
        found = self.found
        if self.rolls or found is None or (self.time or 0) < (found.end or NEVER):
            return self.time
        return found.time


def resting(
    instance: Instance,
    state: InstanceState,
    seen: Glance | None,
    before: Resting | None,
    *,
    foreseen: bool = False,
    only_alerts: bool = False,
) -> Resting | None:
    """An instance at rest that was just found to have a state, as it was `seen` to stand if there was such a look.

    `before` is how it rested last; `foreseen`, whether there is something by which it can go past readings. None where
    all of it has to be looked at each time.
    """
    members, target, usual = instance.members, instance.target, state.usual
    if state.assessment.hold or target.checkin or (instance.of and (usual is None or usual.held_back)):
        return None
    if instance.of and len(members.tracks) != 1:
        return None
    scene = instance.scene()
    if scene.down or scene.tracks is not members.tracks:
        return None
    return Resting(instance, state, scene, seen, before, foreseen=foreseen, only_alerts=only_alerts)
