"""Templates of annotations and actions: Jinja2 in its immutable sandbox, bounded in length and in what they make.

The sandbox alone bounds neither memory nor time. Here `{% if %}`, `{% for %}` (not nested) and `{% set %}` are the only
statements, filters and methods are white lists, and every text or list an expression makes has a largest size.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import unquote

from connectors.template_filters import (
    BUILT_IN,
    EMPTY,
    MAX_OUTPUT,
    OWN,
    check_repeat,
    encode,
    few,
    in_mrkdwn,
    in_url,
    kept,
    plain,
    weigh,
    weighing,
    working,
)

if TYPE_CHECKING:
    from types import CodeType

    from jinja2 import Template, nodes
    from jinja2.sandbox import SandboxedEnvironment

MAX_TEMPLATE = 4_000
_MAX_INT = 2**63 - 1

NAMES = frozenset(
    {
        "alert", "at_least", "at_most", "chance", "expected", "headline", "labels", "pace", "progress", "projection",
        "required_rate", "severity", "standing", "target", "title", "unit", "value",
    }
)  # fmt: skip
"""What every template may use; `labels` is a mapping, the numbers are None where they are unknown."""

_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {
            "capitalize", "count", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "partition",
            "removeprefix", "removesuffix", "rstrip", "split", "startswith", "strip", "title", "upper",
        }
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
}  # fmt: skip

_Mode = Literal["text", "annotation", "url", "value", "known", "mrkdwn"]

_OF_PROMETHEUS = re.compile(r"\{\{[^{}]*?\$((?:[lL]abels|[vV]alue)[\w.]*)")


class TemplateError(ValueError):
    """A template that can't be used or did not come out; the message is for people."""


class _Read(NamedTuple):
    """What a template takes: names, and of the labels those that have to be there."""

    names: frozenset[str]
    labels: frozenset[str]


def check(text: str, names: Collection[str] = NAMES) -> None:
    """Raises TemplateError if the template can't be read or uses a name or a filter it can't have."""
    unknown = sorted(_read(text).names - set(names))
    if unknown:
        raise TemplateError(_unknown("name", unknown[0], names))


@functools.lru_cache(maxsize=1_024)  # many alerts have the same
def _read(text: str) -> _Read:
    """What a template takes, once all that can be wrong with it by itself was looked for. Raises TemplateError."""
    from jinja2 import meta, nodes

    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"a template has at most {MAX_TEMPLATE} characters")
    try:
        tree = _parsed(text, "text")
    except TemplateError:
        if dollar := _OF_PROMETHEUS.search(text):
            raise TemplateError(f"names have no $ here; write {{{{ {dollar[1].lower()} }}}}") from None
        raise
    environment = _environment("text")
    for used in tree.find_all(nodes.Filter):
        if used.name not in environment.filters:
            raise TemplateError(_unknown("filter", used.name, {name for name in environment.filters if name[0] != "_"}))
    for part in tree.find_all(nodes.Expr):
        _check_part(part)
    _code(tree, "text")
    own = any(name.name == "labels" and name.ctx == "store" for name in tree.find_all(nodes.Name))
    return _Read(frozenset(meta.find_undeclared_variables(tree)), frozenset(() if own else _needed(tree)))


def _check_part(part: nodes.Expr) -> None:
    """What begins with _ is a label, or it is never let through."""
    from jinja2 import nodes

    if not isinstance(part, nodes.Getattr | nodes.Getitem):
        return
    name = part.attr if isinstance(part, nodes.Getattr) else getattr(part.arg, "value", None)
    if not isinstance(name, str) or not name.startswith("_"):
        return
    of_labels = isinstance(part.node, nodes.Name) and part.node.name == "labels"
    if not of_labels or hasattr({}, name):
        raise TemplateError(f"{name} is not allowed in a template")


def uses(text: str, name: str) -> bool:
    """Whether a template that can be read takes a name."""
    from jinja2 import meta

    return name in text and name in meta.find_undeclared_variables(_parsed(text, "text"))


def needs(text: str, name: str) -> bool:
    """Whether a template that can be read fails without a name: it takes it, and asks for it first in no way."""
    from jinja2 import nodes

    if not uses(text, name):
        return False
    tests = _parsed(text, "text").find_all(nodes.Test)
    asks = any(test.name in {"defined", "undefined"} and getattr(test.node, "name", "") == name for test in tests)
    return not asks and _takes(_parsed(text, "text"), name)


def _takes(node: nodes.Node, name: str) -> bool:
    from jinja2 import nodes

    if isinstance(node, nodes.Filter) and node.name in {"default", "d"} and isinstance(node.node, nodes.Name):
        return any(_takes(inner, name) for inner in node.args)
    here = isinstance(node, nodes.Name) and node.name == name and node.ctx == "load"
    return here or any(_takes(inner, name) for inner in node.iter_child_nodes())


def labels_needed(text: str) -> frozenset[str]:
    """The labels a template that is right takes by name, whatever there is: `labels.room`, `labels["room"]`.

    Not those it asks for first, by `if`, `is defined` or `default`: they may be missing.
    """
    return _read(text).labels if "{" in text else frozenset()


def _needed(node: nodes.Node) -> Iterator[str]:
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if node.node.name == "labels" and isinstance(key, str) and key not in _METHODS[dict]:
            yield key
    maybe = isinstance(node, nodes.If | nodes.CondExpr | nodes.And | nodes.Or)
    maybe = maybe or (isinstance(node, nodes.Test) and node.name in {"defined", "undefined"})
    maybe = maybe or (isinstance(node, nodes.Filter) and node.name in {"default", "d"})
    if not maybe:
        for inner in node.iter_child_nodes():
            yield from _needed(inner)


def render(text: str, context: Mapping[str, Any]) -> str:
    """The text the template makes. Raises TemplateError."""
    return _render(text, context, "text")


def render_annotation(text: str, context: Mapping[str, Any]) -> str:
    """As `render`, but a label that there is not is empty, as in Prometheus: better half a sentence than none."""
    return _render(text, context, "annotation")


def render_url(text: str, context: Mapping[str, Any]) -> str:
    """As `render`, with every value percent-encoded, so that no label can change an address's path or host.

    A value that is empty before the query, or that makes a segment `.` or `..`, is an error: it would be another
    address than the one that was meant.
    """
    address = _render(text, context, "url")
    if address == text:
        return text
    path, mark, query = address.partition("?")
    if EMPTY in path:
        raise TemplateError("a value in the address is empty")
    if any(unquote(segment) in {".", ".."} for segment in path.split("/")):
        raise TemplateError("a value in the address makes a segment . or .., which leads elsewhere")
    return path + mark + query.replace(EMPTY, "")


def render_mrkdwn(text: str, context: Mapping[str, Any]) -> str:
    """As `render`, with every value escaped, so that no label can make a link or a mention at Slack."""
    return _render(text, context, "mrkdwn")


def render_json(value: Any, context: Mapping[str, Any], *, known: bool = False) -> Any:
    """A JSON value with its texts rendered; a text that is one `{{ … }}` alone keeps the value's type.

    With `known` what there is not is empty, as in an annotation.
    """
    as_text = render_annotation if known else render
    if isinstance(value, dict):
        return {as_text(key, context): render_json(item, context, known=known) for key, item in value.items()}
    if isinstance(value, list):
        return [render_json(item, context, known=known) for item in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    inner = value.strip()
    return _evaluate(inner, context, "known" if known else "value") if _is_lone(inner) else as_text(value, context)


def _evaluate(text: str, context: Mapping[str, Any], mode: _Mode) -> Any:
    try:
        with working():
            made: Any = getattr(_compiled(text, mode).make_module(dict(context)), "made")  # noqa: B009 - set by the template
            weigh(made)
        return made if made is None or isinstance(made, bool | int | float | dict | list) else str(made)
    except Exception as error:
        raise _failed(error) from None


def _render(text: str, context: Mapping[str, Any], mode: _Mode) -> str:
    if "{" not in text:
        return text
    try:
        with working():
            return "".join(_bounded(_compiled(text, mode).generate(**context)))
    except Exception as error:
        raise _failed(error) from None


def _bounded(parts: Iterable[str]) -> Iterator[str]:
    size = 0
    for part in parts:
        size += len(part)
        if size > MAX_OUTPUT:
            raise TemplateError(f"the template makes more than {MAX_OUTPUT} characters")
        yield part


def _failed(error: Exception) -> TemplateError:
    if isinstance(error, TemplateError):
        return error
    said = f"{error}".replace("'dict object'", "labels")  # the only mapping a template has
    return TemplateError(said[:200] or type(error).__name__)


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    return f"the template uses the {what} {name!r}, which there is not; {hint}"


def _check_operator(operator: str, left: Any, right: Any) -> None:
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if operator == "**" or (operator == "%" and not numbers):
        raise TemplateError(f"{operator} is not allowed in a template")
    if operator == "*" and not numbers:
        check_repeat(left, right)


@functools.cache
def _sandbox() -> type[SandboxedEnvironment]:
    from jinja2 import StrictUndefined, Undefined
    from jinja2.exceptions import SecurityError
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Bounded(ImmutableSandboxedEnvironment):
        """Lets through the methods listed here, and bounds what operators make."""

        intercepted_binops = frozenset({"+", "*", "**", "%"})

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            if isinstance(obj, LoopContext):
                return super().is_safe_attribute(obj, attr, value)
            return attr in _METHODS.get(type(obj), ())

        def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
            """What is not let through is no missing label, in an annotation neither."""
            said = f"{attribute} is not allowed in a template"
            return StrictUndefined(said, obj=obj, name=attribute, exc=SecurityError)

        def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
            """A method looks at all of what it is of."""
            weigh(getattr(obj, "__self__", None))
            return super().call(context, obj, *args, **kwargs)

        def wrap_str_format(self, _value: Any) -> None:
            """`format` is no exception: a width in its text makes any length."""

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            _check_operator(operator, left, right)
            made = super().call_binop(context, operator, left, right)
            if isinstance(made, int) and abs(made) > _MAX_INT:
                raise TemplateError("a whole number in a template has at most 63 bits")
            weigh(made)
            return made

    return Bounded


@functools.cache
def _environment(mode: _Mode) -> SandboxedEnvironment:
    from jinja2 import StrictUndefined, Undefined

    environment = _sandbox()(
        undefined=Undefined if mode in {"annotation", "known"} else StrictUndefined,
        autoescape=False,
        finalize={"url": in_url, "mrkdwn": in_mrkdwn}.get(mode, plain),
        cache_size=0,
    )
    environment.globals.clear()
    own: dict[str, Any] = {**OWN, "_few": few, "_kept": kept}
    if mode == "url":
        own["urlencode"] = encode  # which the values of an address are anyway, once
    offered = {name: environment.filters[name] for name in BUILT_IN} | own
    environment.filters = {name: weighing(filter_) for name, filter_ in offered.items()}
    return environment


def _parsed(text: str, mode: _Mode) -> nodes.Template:
    """The template's tree, with loops, `set` and `~` led through what bounds them. Raises TemplateError."""
    from jinja2 import TemplateSyntaxError, nodes
    from jinja2.visitor import NodeTransformer

    class Led(NodeTransformer):
        def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja2's name
            if node.recursive or any(True for _ in node.find_all(nodes.For)):
                raise TemplateError("a loop in a loop is not allowed in a template")
            node.iter = nodes.Filter(node.iter, "_few", [], [], None, None)
            return self.generic_visit(node)

        def visit_Assign(self, node: nodes.Assign) -> nodes.Node:  # noqa: N802
            node.node = nodes.Filter(node.node, "_kept", [], [], None, None)
            return self.generic_visit(node)

        def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
            texts: list[nodes.Expr] = [nodes.Filter(part, "string", [], [], None, None) for part in node.nodes]
            joined = functools.reduce(nodes.Add, texts)
            return self.generic_visit(joined.set_lineno(node.lineno))

    try:
        tree = _environment(mode).parse(text)
        statements = {type(node) for node in tree.find_all(nodes.Stmt)}
        if statements - {nodes.Output, nodes.For, nodes.If, nodes.Assign}:
            raise TemplateError("a template has no other statements than if, for and set")
        led: nodes.Template = Led().visit(tree)
        led.set_environment(_environment(mode))
    except TemplateSyntaxError as error:
        raise TemplateError(f"the template can't be read: {error.message}") from None
    except RecursionError:
        raise TemplateError("the template can't be read: nested too deeply") from None
    return led


@functools.lru_cache(maxsize=1_024)
def _is_lone(text: str) -> bool:
    """Whether a template is nothing but one expression."""
    return _lone(_parsed(text, "value")) is not None


def _lone(tree: nodes.Template) -> nodes.Expr | None:
    from jinja2 import nodes

    parts = [part for output in tree.body for part in getattr(output, "nodes", [output])]
    only = parts[0] if len(parts) == 1 else None
    return only if isinstance(only, nodes.Expr) and not isinstance(only, nodes.TemplateData) else None


@functools.lru_cache(maxsize=1_024)
def _compiled(text: str, mode: _Mode) -> Template:
    from jinja2 import nodes

    environment, tree = _environment(mode), _parsed(text, mode)
    expression = _lone(tree) if mode in {"value", "known"} else None
    if expression is not None:
        tree.body = [nodes.Assign(nodes.Name("made", "store"), expression, lineno=1)]
    return environment.template_class.from_code(environment, _code(tree, mode), {})


def _code(tree: nodes.Template, mode: _Mode) -> CodeType:
    """What Python runs for it. Raises TemplateError."""
    from jinja2 import TemplateSyntaxError

    try:
        return _environment(mode).compile(tree)
    except TemplateSyntaxError as error:
        raise TemplateError(f"the template can't be read: {error.message}") from None
    except (SyntaxError, RecursionError, MemoryError):  # what Python's own compiler does not take
        raise TemplateError("the template can't be read: nested too deeply") from None
