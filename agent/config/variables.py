"""`${VAR}`, `${VAR:-default}` and the escape `$${`, in the texts of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PATTERN = re.compile(r"\$\$\{|\$\{([^{}]*)(\})?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SHORTEST_SECRET = 3  # shorter values are too common in plain words to be hidden from them


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

    def hide(self, message: str) -> str:
        """The message with every value that came from the environment replaced by the variable's name."""
        for value in sorted(self._used, key=len, reverse=True):
            for shown in (value, repr(value)[1:-1]):
                message = message.replace(shown, f"${{{self._used[value]}}}")
        return message
