"""`${VAR}`, `${VAR:-default}` and the escape `$${`, in the texts of a configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PATTERN = re.compile(r"\$\$\{|\$\{([^{}]*)(\})?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SHORTEST_SECRET = 3  # shorter values are too common in plain words to be hidden from them


_WORD = re.compile(r"[^\W_]{4,}")
_COMMON = frozenset({"http", "https", "sqlite", "postgresql", "mysql", "smtp", "smtps", "slack", "hooks", "example"})


class Variables:
    """Expands texts from one environment, and remembers what it put in, so that no message repeats it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._used: dict[str, str] = {}

    def expand(self, text: str) -> str:
        """The text with its variables filled in. Raises ValueError for one that is unset or can't be read."""
        return _PATTERN.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        parts = _NAME.fullmatch(match[1])
        if match[2] is None or parts is None:
            raise ValueError("a variable is written ${NAME} or ${NAME:-default}, and a plain ${ is written $${")
        name, default = parts[1], parts[2]
        value = self._environ.get(name)
        if value or (value is not None and default is None):
            if len(value) >= _SHORTEST_SECRET:
                self._used[value] = name
            return value
        if default is None:
            raise ValueError(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
        return str(default)

    def betrayed_by(self, message: str, texts: Iterable[str]) -> str | None:
        """The name of a variable in the texts of whose value a part stands in the message; None if there is none."""
        said = message.casefold()
        for name in dict.fromkeys(
            (match[1] or "").partition(":-")[0] for text in texts for match in _PATTERN.finditer(text)
        ):
            words = _WORD.findall(self._environ.get(name or "", "").casefold())
            if any(word in said for word in words if word not in _COMMON):
                return name
        return None

    def hide(self, message: str) -> str:
        """The message with every value that came from the environment replaced by the variable's name."""
        for value in sorted(self._used, key=len, reverse=True):
            for shown in (value, repr(value)[1:-1]):
                message = message.replace(shown, f"${{{self._used[value]}}}")
        return message
