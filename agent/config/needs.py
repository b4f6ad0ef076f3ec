"""What a configuration needs of the process's settings, and does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent.config.configuration import Configuration
from agent.config.errors import dotted
from agent.settings import PREFIX, Settings


class Missing(NamedTuple):
    """A setting without which something configured can't work; `path` is its key."""

    path: str
    setting: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def missing_settings(config: Configuration, settings: Settings) -> Iterator[Missing]:
    """What the configuration leaves to a setting that does not say it: by notifiers, and to look into user groups."""
    if not settings.slack_bot_token and any(one.startswith(("S", "@")) for one in config.operators):
        setting = f"{PREFIX}SLACK_BOT_TOKEN"
        yield Missing("operators", setting, f"can't look into user groups: set {setting}")
    for name, entries in config.receivers.items():
        for position, entry in enumerate(entries):
            key, field = getattr(entry.config, "needs_setting", None) or ("", "")
            if field and not getattr(settings, field):
                setting = f"{PREFIX}{field.upper()}"
                message = f"can't send anything: set {setting}, or {key} here"
                yield Missing(dotted(("receivers", name, position)), setting, message)
