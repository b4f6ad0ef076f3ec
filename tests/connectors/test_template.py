import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.template import TemplateError, check, render, render_json, render_url

CONTEXT = {"labels": {"room": "den", "bad": "../admin?x=1#y"}, "value": 25.126, "at_least": 20, "at_most": None}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ labels.room }} is {{ value }} °C", "den is 25.126 °C"),
        ("{{ value | round(1) }}", "25.1"),
        ("{{ 1234.5 | number }} {{ 0.621 | percent }}", "1,234.5 62.1%"),
        ("{{ 'hot' if value > 23 else 'cold' }}", "hot"),
        ("at most: {{ at_most }}", "at most: "),
        ("no braces", "no braces"),
        ("{% for name in labels %}{{ name }} {% endfor %}", "room bad "),
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
        ("{{ secret }}", "which there is not"),
        ("{{ value | nofilter }}", "nofilter"),
        ("{{ range(9) }}", "range"),
        ("x" * 5000, "at most 4000"),
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "can't be read"),
    ],
)
def test_what_the_check_refuses(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words.replace("?", r"\?")):
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ labels.nope }}",
        "{{ labels.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ labels.update({'room': 'x'}) }}",
        "{{ 'a' * 10**9 }}",
        "{{ 'a' * 99999 }}",
        "{{ [1] * 99999 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ 'a'.center(999999999) }}",
        "{{ 'a'.ljust(999999999) }}",
        "{{ 'a' | center(999999999) }}",
        "{{ 2 ** 999999 }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ lipsum.__globals__['os'] }}",
        "{% for a in 'x' * 1000 %}{% for b in 'y' * 1000 %}{{ a }}{% endfor %}{% endfor %}",
    ],
)
def test_neither_escapes_nor_explodes(text: str) -> None:
    with pytest.raises(TemplateError):
        render(text, CONTEXT)


def test_a_label_can_not_change_where_a_call_goes() -> None:
    made = render_url("http://hvac/rooms/{{ labels.bad }}?to={{ value }}", CONTEXT)
    assert made == "http://hvac/rooms/..%2Fadmin%3Fx%3D1%23y?to=25.126"


def test_json_keeps_the_type_of_a_lone_expression() -> None:
    made = render_json(
        {"to": "{{ at_least + 1 }}", "in": ["{{ labels.room }}"], "n": 2, "off": "{{ at_most }}"}, CONTEXT
    )
    assert made == {"to": 21, "in": ["den"], "n": 2, "off": None}
    with pytest.raises(TemplateError):
        render_json({"to": "{{ labels.nope }}"}, CONTEXT)


@given(st.text(alphabet="{}%labes.vu |'\"()*[]+0123 \n_", max_size=80))
def test_any_text_renders_or_is_a_template_error(text: str) -> None:
    try:
        check(text)
        render(text, CONTEXT)
    except TemplateError:
        pass
