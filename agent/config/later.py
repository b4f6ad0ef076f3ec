"""What the language will have and this version has not. Each entry goes when its feature comes."""

from __future__ import annotations

from agent.config.errors import Path

_KEYS = frozenset(
    {
        "sources.*.transform",
        "gateways.*.cache",
        "gateways.*.auth.oauth2",
    }
)
_VALUES = {
    "sources.*.type": frozenset({"mqtt", "web", "page", "html"}),
}
_NAMED = ("sources", "targets", "gateways", "actions", "receivers")


def _pattern(path: Path) -> str:
    """The path without names and positions: `targets.*.alerts.when`."""
    parts = [part for part in path if isinstance(part, str)]
    if len(parts) > 1 and parts[0] in _NAMED:
        parts[1] = "*"
    return ".".join(parts)


def key_comes_later(path: Path) -> bool:
    """Whether the key is part of the language but not built yet."""
    return _pattern(path) in _KEYS


def value_comes_later(path: Path, value: object) -> bool:
    """Whether the value is part of the language but not built yet."""
    pattern = _pattern(path)
    return isinstance(value, str) and value in _VALUES.get(pattern, ())
