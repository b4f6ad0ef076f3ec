"""When the condition of an alert holds: one entry for each thing that an alert can wait for (`when`).

A kind is asked with everything known of its instance and answers yes, no, or None: it can't be said, the alert stays
as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rules import burning
from rules.model import AlertRule, Assessment, NoDataThen, Sign, Standing
from rules.scene import Scene


class Asked(NamedTuple):
    """One alert rule, and how its instance was found to stand in a scene."""

    rule: AlertRule
    scene: Scene
    assessment: Assessment


Kind = Callable[[Asked], bool | None]
"""Whether the alert's condition holds; None leaves the alert as it is."""


def _stands(asked: Asked) -> bool | None:
    """The instance's standing is the one waited for."""
    assessment = asked.assessment
    return assessment.standing is asked.rule.when if not assessment.hold or _counts_as_fine(asked) else None


def _counts_as_fine(asked: Asked) -> bool:
    """Readings stopped, and that lets alerts resolve."""
    no_data = asked.scene.target.no_data
    return asked.assessment.silent and no_data is not None and no_data.then is NoDataThen.OK


def _stopped(asked: Asked) -> bool | None:
    """Readings stopped for longer than they may."""
    assessment = asked.assessment
    return assessment.silent if assessment.silent or not assessment.hold else None


def _unusual(asked: Asked) -> bool | None:
    """The newest reading is unusual for its series."""
    assessment, finding = asked.assessment, asked.assessment.finding
    return None if assessment.hold or finding is None else finding.unusual is not None


def _burns(asked: Asked) -> bool | None:
    """The budget burns too fast."""
    if not asked.assessment.hold:
        return burning.burns(asked.scene, asked.rule.burn)
    return False if _counts_as_fine(asked) else None


SAYINGS: Mapping[str, Callable[[Asked], str]] = {
    Sign.BURNING: lambda asked: burning.words(asked.scene, asked.assessment, asked.rule.burn)
}
"""Why an alert is there, in words, for the kinds that a standing does not say."""

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(Standing, _stands),
    Standing.NO_DATA: _stopped,
    Sign.UNUSUAL: _unusual,
    Sign.BURNING: _burns,
}
