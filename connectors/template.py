"""Templates of annotations and actions: Jinja2 in its immutable sandbox, bounded in length and in what they make."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

MAX_TEMPLATE = 4_000
MAX_OUTPUT = 64_000
MAX_REPEAT = 1_000  # times a text or a list may be repeated

NAMES = frozenset(
    {
        "alert", "at_least", "at_most", "expected", "headline", "labels", "pace", "progress", "projection",
        "required_rate", "severity", "standing", "target", "title", "unit", "value",
    }
)  # fmt: skip
"""What every template may use; `labels` is a mapping, the numbers are None where they are unknown."""


class TemplateError(ValueError):
    """A template that can't be used or did not come out; the message is for people."""


def check(text: str, names: Collection[str] = NAMES) -> None:
    """Raises TemplateError if the template can't be read or uses a name it can't have."""
    from jinja2 import TemplateSyntaxError, meta

    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"a template has at most {MAX_TEMPLATE} characters")
    try:
        tree = _environment().parse(text)
        unknown = sorted(meta.find_undeclared_variables(tree) - set(names))
        _compiled(text, url=False)
    except TemplateSyntaxError as error:
        raise TemplateError(f"the template can't be read: {error.message}") from None
    except RecursionError:
        raise TemplateError("the template can't be read: nested too deeply") from None
    if unknown:
        near = get_close_matches(unknown[0], names, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(names))}"
        raise TemplateError(f"the template uses {unknown[0]!r}, which there is not; {hint}")


def render(text: str, context: Mapping[str, Any]) -> str:
    """The text the template makes. Raises TemplateError."""
    return _render(text, context, url=False)


def render_url(text: str, context: Mapping[str, Any]) -> str:
    """As `render`, with every value percent-encoded, so that no label can change an address's path or host."""
    return _render(text, context, url=True)


def render_json(value: Any, context: Mapping[str, Any]) -> Any:
    """A JSON value with its texts rendered; a text that is one `{{ … }}` alone keeps the value's type."""
    if isinstance(value, dict):
        return {render(key, context): render_json(item, context) for key, item in value.items()}
    if isinstance(value, list):
        return [render_json(item, context) for item in value]
    if not isinstance(value, str):
        return value
    inner = value.strip()
    if inner.startswith("{{") and inner.endswith("}}") and inner.count("{{") == 1:
        return _evaluate(inner[2:-2].strip(), context)
    return render(value, context)


def _evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    try:
        made = _environment().compile_expression(expression, undefined_to_none=False)(**context)
    except Exception as error:
        raise _failed(error) from None
    if made is None or isinstance(made, bool | int | float):
        return made
    return render("{{ " + expression + " }}", context)


def _render(text: str, context: Mapping[str, Any], *, url: bool) -> str:
    if "{" not in text:
        return text
    try:
        return "".join(_bounded(_compiled(text, url=url).generate(**context)))
    except TemplateError:
        raise
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
    return TemplateError(f"{error}"[:200] or type(error).__name__)


def _number(value: Any) -> str:
    """1234.5 as `1,234.5`."""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _percent(value: Any, digits: int = 1) -> str:
    """0.621 as `62.1%`."""
    return f"{value * 100:.{digits}f}%" if isinstance(value, int | float) else str(value)


def _encoded(value: Any) -> str:
    return quote(_plain(value), safe="")


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


@cache
def _environment(finalize: Callable[[Any], str] = _plain) -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Bounded(ImmutableSandboxedEnvironment):
        """Keeps an expression from making something huge: repetition, powers and padding are bounded."""

        intercepted_binops = frozenset({"*", "**", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            texts = [side for side in (left, right) if isinstance(side, str | bytes | list | tuple)]
            if operator == "**" or (operator == "%" and isinstance(left, str | bytes)):
                raise TemplateError(f"{operator} is not allowed in a template")
            if operator == "*" and texts and max(len(texts[0]) * _count(left, right), 0) > MAX_REPEAT:
                raise TemplateError(f"a text is repeated at most to {MAX_REPEAT} characters")
            return super().call_binop(context, operator, left, right)

        def call(self, context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(function, "__name__", "") in {"center", "ljust", "rjust", "zfill", "expandtabs", "format"}:
                raise TemplateError(f"{function.__name__}() is not allowed in a template")
            return super().call(context, function, *args, **kwargs)

    environment = Bounded(undefined=StrictUndefined, autoescape=False, finalize=finalize)
    for name in ("center", "indent", "format", "xmlattr", "pprint", "random", "wordwrap"):
        environment.filters.pop(name, None)
    environment.globals.clear()
    environment.filters["number"] = _number
    environment.filters["percent"] = _percent
    return environment


def _count(left: Any, right: Any) -> int:
    return next((side for side in (left, right) if isinstance(side, int)), 1)


@lru_cache(maxsize=1_024)
def _compiled(text: str, *, url: bool) -> Template:
    return _environment(_encoded if url else _plain).from_string(text)
