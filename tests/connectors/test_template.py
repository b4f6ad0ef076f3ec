import resource
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from connectors import template
from connectors.template import (
    TemplateError,
    check,
    labels_needed,
    needs,
    render,
    render_annotation,
    render_json,
    render_url,
)

CONTEXT = {"labels": {"room": "den", "bad": "../admin?x=1#y"}, "value": 25.126, "at_least": 20, "at_most": None}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ labels.room }} is {{ value }} °C", "den is 25.126 °C"),
        ("{{ value | round(1) }} {{ value | round(0, 'ceil') }} {{ value | round(1, 'floor') }}", "25.1 26.0 25.1"),
        (
            "{{ 1234.5 | number }} {{ 0.621 | percent }} {{ 0.00321 | number }} {{ 0 | number }}",
            "1,234.5 62.1% 0.00321 0",
        ),
        ("{{ 'hot' if value > 23 else 'cold' }}", "hot"),
        ("at most: {{ at_most }}", "at most: "),
        ("no braces", "no braces"),
        ("{% for name in labels %}{{ loop.index }}{{ name }} {% endfor %}", "1room 2bad "),
        ("{% for name, text in labels.items() %}{{ name ~ '=' ~ text }};{% endfor %}", "room=den;bad=../admin?x=1#y;"),
        ("{% set off = value - at_least %}{{ off | number }}", "5.13"),
        ("{{ labels.values() | map('upper') | join(', ') }}", "DEN, ../ADMIN?X=1#Y"),
        ("{{ labels.get('room', '-') }} {{ labels.get('floor', '-') }}", "den -"),
        ("{{ labels | tojson }}", '{"room":"den","bad":"../admin?x=1#y"}'),
        ("{{ labels.floor | default('ground') }} {{ labels.room | replace('d', 'p') }}", "ground pen"),
        ("{{ labels.bad | urlencode }}", "../admin%3Fx%3D1%23y"),
        ("{{ '=' * 20 }}", "=" * 20),
    ],
)
def test_renders(text: str, made: str) -> None:
    check(text)
    assert render(text, CONTEXT) == made


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ value", "can't be read"),
        ("{% if value %}", "can't be read"),
        ("{{ vlaue }}", "did you mean value?"),
        ("a {{ $labels.room }}", "write {{ labels.room }}"),
        ("{{ $value }} is not {{ value }}", "write {{ value }}"),
        ("{{ printf $Value }}", "write {{ value }}"),
        ("{{ secret }}", "which there is not"),
        ("{{ value | rond }}", "the filter 'rond', which there is not; did you mean round?"),
        ("{{ range(9) }}", "range"),
        ("{{ value is nothing }}", "No test named 'nothing'"),
        ("{% macro m() %}{% endmacro %}", "no other statements than if, for and set"),
        ("{% include 'x' %}", "no other statements"),
        ("{% for a in labels %}{% for b in labels %}{% endfor %}{% endfor %}", "loop in a loop"),
        ("x" * 5000, "at most 4000"),
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "can't be read"),
    ],
)
def test_what_the_check_refuses(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        check(text)
    assert words in str(refused.value)


def test_a_missing_label_is_named() -> None:
    with pytest.raises(TemplateError, match="labels has no attribute 'floor'"):
        render("{{ labels.floor }}", CONTEXT)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ labels.floor }}/{{ labels.room }} is {{ value }}", "/den is 25.126"),
        ("{{ labels['floor'] | upper | number }}{{ labels.floor | default('-') }}", "-"),
        ("{{ 'up' if labels.floor == '1' else 'down' }}{% if labels.floor %}!{% endif %}", "down"),
        ("{{ labels.floor ~ ':' }}{% for one in labels.floor %}{{ one }}{% endfor %}", ":"),
    ],
)
def test_a_missing_label_is_empty_in_an_annotation_alone(text: str, made: str) -> None:
    assert render_annotation(text, CONTEXT) == made
    with pytest.raises(TemplateError):
        render("{{ labels.floor }}", CONTEXT)
    with pytest.raises(TemplateError):
        render_url("http://x/{{ labels.floor }}", CONTEXT)
    with pytest.raises(TemplateError):
        render_json({"floor": "{{ labels.floor }}"}, CONTEXT)


@pytest.mark.parametrize(
    "text",
    ["{{ labels.floor._undefined_name }}", "{{ labels.floor.__class__ }}", "{{ labels.floor() }}", "{{ labels.pop }}"],
)
def test_what_is_forbidden_is_no_missing_label(text: str) -> None:
    with pytest.raises(TemplateError):
        render_annotation(text, CONTEXT)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ labels.__class__ }}",
        "{{ value['__class__'] }}",
        "{{ labels.room._x }}",
        "{% for one in labels.items() %}{{ one.__len__ }}{% endfor %}",
    ],
)
def test_underscored_attributes_are_found_before_anything_is_made(text: str) -> None:
    with pytest.raises(TemplateError, match="is not allowed in a template"):
        check(text)


def test_a_label_may_begin_with_an_underscore() -> None:
    text = "{{ labels._zone }}{{ labels['__name__'] }}{{ labels.__name__ }}"
    check(text)
    assert render(text, {"labels": {"_zone": "a", "__name__": "b"}}) == "abb"


BOMBS = [
    "{{ labels.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ labels.update({'room': 'x'}) }}",
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 99999 }}",
    "{{ [1] * 99999 }}",
    "{{ [['a' * 1000] * 1000] * 1000 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ '{0.__class__}'.format_map(labels) }}",
    "{{ 'a'.center(999999999) }}",
    "{{ 'a'.ljust(999999999) }}",
    "{{ 'a' | center(999999999) }}",
    "{{ 'a' | batch(999999999, 'x') | list | length }}",
    "{{ 'a' | slice(999999999) | list | length }}",
    "{{ labels | tojson(indent=999999999) }}",
    "{{ (5).to_bytes(999999999, 'big') | length }}",
    "{{ 2 ** 999999 }}",
    "{{ value | round(999999999, 'ceil') }}",
    "{{ value | round(-999999999) }}",
    "{{ value | percent(999999999) }}",
    "{{ ('a' * 1000) | replace('a', 'a' * 1000) | length }}",
    "{{ ('a' * 1000).replace('a', 'a' * 1000) | length }}",
    "{{ ('a' * 1000) | join('a' * 1000) | length }}",
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a | length }}",
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a | length }}",
    "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}",
    "{% set a = [1] %}{% set b = [1] %}" + "{% set a = [a, a] %}{% set b = [b, b] %}" * 50 + "{{ a == b }}",
    "{% set a = 9 %}" + "{% set a = a * a %}" * 60 + "{{ a > 1 }}",
    "{% for a in 'x' * 1000 %}{% for b in 'y' * 1000 %}{{ a }}{% endfor %}{% endfor %}",
    "{% for a in 'x' * 900 ~ 'x' * 900 %}{% endfor %}",
    "{% for a in 'x' * 100 %}{{ 'x' * 1000 }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% block b %}{{ self.b() }}{% endblock %}",
    "{% set a %}x{% endset %}{{ a }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__ }}",
    "{{ lipsum.__globals__['os'] }}",
]


@pytest.mark.parametrize("text", [*BOMBS, "{{ labels.nope }}"])
def test_neither_escapes_nor_explodes(text: str) -> None:
    with pytest.raises(TemplateError):
        render(text, CONTEXT)


@pytest.mark.parametrize("text", BOMBS)
def test_nor_do_annotations(text: str) -> None:
    with pytest.raises(TemplateError):
        render_annotation(text, CONTEXT)


def test_what_explodes_is_refused_before_it_takes_memory_or_time() -> None:
    program = """
import sys
from connectors.template import TemplateError, render, render_annotation, render_json
for text in sys.argv[1:]:
    for make in (render, render_annotation, render_json):
        try:
            make(text, {"labels": {}, "value": 1.5})
        except TemplateError as error:
            assert "Memory" not in str(error), (text, error)
"""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))
        resource.setrlimit(resource.RLIMIT_CPU, (5, 5))

    done = subprocess.run(
        [sys.executable, "-c", program, *BOMBS], preexec_fn=bounded, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_label_can_not_change_where_a_call_goes() -> None:
    made = render_url("http://hvac/rooms/{{ labels.bad }}?to={{ value }}", CONTEXT)
    assert made == "http://hvac/rooms/..%2Fadmin%3Fx%3D1%23y?to=25.126"


@pytest.mark.parametrize("room", ["..", ".", "", None])
def test_a_value_that_would_make_it_another_address_is_refused(room: str | None) -> None:
    with pytest.raises(TemplateError, match="a value in the address"):
        render_url("http://hvac/rooms/{{ labels.room }}", {"labels": {"room": room}})


def test_values_in_an_address() -> None:
    assert render_url("http://h/{{ labels.bad | urlencode }}", CONTEXT) == "http://h/..%2Fadmin%3Fx%3D1%23y"
    assert render_url("http://h/x?low={{ at_least }}&high={{ at_most }}", CONTEXT) == "http://h/x?low=20&high="
    assert render_url("http://h/a..b/{{ labels.room }}.x", CONTEXT) == "http://h/a..b/den.x"
    assert render_url("http://h/{{ labels.room }}", {"labels": {"room": "%2e%2e"}}) == "http://h/%252e%252e"


@given(st.text(max_size=30))
def test_any_label_stays_one_segment_or_is_refused(text: str) -> None:
    try:
        made = render_url("http://h/rooms/{{ labels.room }}/temperature", {"labels": {"room": text}})
    except TemplateError:
        return
    url = URL(made)
    assert (url.host, url.query_string, url.fragment) == ("h", "", "")
    assert url.parts[:2] == ("/", "rooms")
    assert url.raw_path.count("/") == 3
    assert url.raw_path.endswith("/temperature")


def test_json_keeps_the_type_of_a_lone_expression() -> None:
    made = render_json(
        {
            "to": "{{ at_least + 1 }}",
            "in": ["{{ labels.room }}"],
            "n": 2,
            "off": "{{ at_most }}",
            "yes": " {{ value > 3 }} ",
            "who": "{{ labels }}",
            "{{ labels.room }}": "{{ value }}{{ value }}",
            "text": "{{ 'a}}b' }}",
        },
        CONTEXT,
    )
    assert made == {
        "to": 21,
        "in": ["den"],
        "n": 2,
        "off": None,
        "yes": True,
        "who": CONTEXT["labels"],
        "den": "25.12625.126",
        "text": "a}}b",
    }
    with pytest.raises(TemplateError):
        render_json({"to": "{{ labels.nope }}"}, CONTEXT)


@given(st.text(alphabet="{}%labes.vu |'\"()*[]+~0123 \n_", max_size=80))
def test_any_text_renders_or_is_a_template_error(text: str) -> None:
    try:
        check(text)
    except TemplateError:
        return
    for make in (render, render_url, render_json):
        try:
            made = make(text, CONTEXT)
        except TemplateError:
            continue
        assert made is not None or make is render_json


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("{{ output }}", True),
        ("p={{ output + 1 }}", True),
        ("{% if output > 3 %}a{% endif %}", True),
        ("{{ value | default(output) }}", True),
        ("{{ output | default(5) }}", False),
        ("{{ output | default(5) | round }}", False),
        ("{% if output is defined %}{{ output }}{% endif %}", False),
        ("{% set output = 3 %}{{ output }}", False),
        ("output", False),
        ("{{ value }}", False),
    ],
)
def test_what_a_template_can_not_be_without(text: str, needed: bool) -> None:
    assert needs(text, "output") is needed


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in 'a' * 1000 %}{{ labels.room" + " | sort" * 80 + " | first }}{% endfor %}",
        "{% for i in 'a' * 1000 %}{{ labels.room | unique | list | length }}{% endfor %}",
        "{% for i in 'a' * 1000 %}{% if labels.room.title().count('x') %}{% endif %}{% endfor %}",
        "{% for i in 'a' * 1000 %}{% set x = labels.room | upper %}{% endfor %}",
    ],
)
def test_what_is_looked_at_again_and_again_is_bounded(text: str):
    """Each of them would take from a second to minutes, and grows with a label that others choose."""
    context = {"labels": {"room": "x" * 3_900}}
    for made in (render, render_annotation):
        with pytest.raises(TemplateError, match="looks at too much"):
            made(text, context)
    assert render("{{ labels.room | length }}", context) == "3900"  # counted anew


def test_what_pythons_compiler_does_not_take_is_a_mistake():
    with pytest.raises(TemplateError, match="nested too deeply"):
        check("{{ " + "+".join(["labels.room"] * 300) + " }}")


def test_what_many_alerts_have_is_read_once(monkeypatch: pytest.MonkeyPatch):
    text = "{{ labels.room }} is {{ value }} in {{ labels.room_that_no_other_test_has }}"
    read: list[str] = []
    parsed = template._parsed
    monkeypatch.setattr(template, "_parsed", lambda text, mode: (read.append(text), parsed(text, mode))[1])
    for _ in range(3):
        check(text)
        assert labels_needed(text) == {"room", "room_that_no_other_test_has"}
    assert read == [text]
