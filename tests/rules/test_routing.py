import pytest

from rules.model import Matcher, labels_of
from rules.routing import CONSOLE, Route, receivers_for

CRITICAL = (Matcher("severity", "=", "critical"),)
TREE = Route(
    "growth",
    routes=(
        Route("audit", CRITICAL, continue_=True),
        Route("oncall", CRITICAL, routes=(Route("plant", (Matcher("team", "=~", "plant|hvac"),)),)),
        Route("quiet", (Matcher("severity", "!~", "critical|warning"),)),
    ),
)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"severity": "warning"}, ("growth",)),
        ({"severity": "critical"}, ("audit", "oncall")),
        ({"severity": "critical", "team": "plant"}, ("audit", "plant")),
        ({"severity": "critical", "team": "plants"}, ("audit", "oncall")),
        ({"severity": "info"}, ("quiet",)),
        ({}, ("quiet",)),
    ],
)
def test_the_tree_is_walked_as_alertmanager_walks_it(labels: dict[str, str], receivers: tuple[str, ...]) -> None:
    assert receivers_for((), TREE, labels_of(labels)) == receivers


def test_an_alerts_own_notify_comes_first_and_the_console_last() -> None:
    assert receivers_for(("a", "b", "a"), TREE, ()) == ("a", "b")
    assert receivers_for((), None, ()) == (CONSOLE,)
