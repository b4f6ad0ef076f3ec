"""What the receivers of a configuration need of the process's settings, and do not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent.config.configuration import Configuration
from agent.config.errors import dotted
from agent.settings import PREFIX, Settings


class Missing(NamedTuple):
    """A setting without which a notifier can send nothing; `path` is the notifier's key."""

    path: str
    setting: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def missing_settings(config: Configuration, settings: Settings) -> Iterator[Missing]:
    """Each notifier whose configuration leaves to a setting what that setting does not say."""
    for name, entries in config.receivers.items():
        for position, entry in enumerate(entries):
            key, field = getattr(entry.config, "needs_setting", None) or ("", "")
            if field and not getattr(settings, field):
                setting = f"{PREFIX}{field.upper()}"
                message = f"can't send anything: set {setting}, or {key} here"
                yield Missing(dotted(("receivers", name, position)), setting, message)
