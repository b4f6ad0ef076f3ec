"""People who act in tests."""

from __future__ import annotations

from agent.acts import Act, Person


def by_ann(act: str, note: str = "") -> Act:
    """What ann did."""
    return Act(0, Person("ann", "slack", "U1"), act, "hot", note)
