import pytest

from rules.matchers import matchers_text, parse_alert_matchers
from rules.model import Matcher, labels_of
from rules.routing import Route, routes_for

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
    assert tuple(route.receiver for route in routes_for(TREE, labels_of(labels))) == receivers


@pytest.mark.parametrize(
    ("group_by", "labels"),
    [((), {}), (("a",), {"a": "1"}), (("a", "z"), {"a": "1"}), (("...",), {"a": "1", "b": "2"})],
)
def test_a_group_has_the_labels_it_is_grouped_by(group_by: tuple[str, ...], labels: dict[str, str]) -> None:
    assert Route("r", group_by=group_by).group_labels(labels_of({"a": "1", "b": "2"})) == labels_of(labels)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("severity=critical", '{severity="critical"}'),
        (' severity = "critical" ', '{severity="critical"}'),
        ("severity='critical'", '{severity="critical"}'),
        ("{b=~x.*,a!=y}", '{a!="y",b=~"x.*"}'),
        ("a=foo bar, b=2", '{a="foo bar",b="2"}'),
        ("a=", '{a=""}'),
        ("a!~x{2}", '{a!~"x{2}"}'),
        ('"my label"="x"', '{"my label"="x"}'),
        ("größe=1", '{"größe"="1"}'),
        (r'a=~"b\\.c"', r'{a=~"b\\.c"}'),
        (r'a="say \"hi\"\n"', r'{a="say \"hi\"\n"}'),
        ("{}", "{}"),
        ("a=b,", '{a="b"}'),
    ],
)
def test_every_spelling_of_a_matcher_is_read(text: str, written: str) -> None:
    found = parse_alert_matchers(text)
    assert matchers_text(found) == written
    assert matchers_text(parse_alert_matchers(written)) == written


@pytest.mark.parametrize("text", ["a", "a==b", "=b", "a=b c=d,=", 'a="b" "c"', "a=~(", 'a="b', "a b=c", "a=~~b"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (matcher|regular expression)"):
        parse_alert_matchers(text)
