"""What a configuration needs of the process's settings, and does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent.config.configuration import ActionEntry, Configuration, NotifierEntry
from agent.config.errors import Path, dotted
from agent.settings import PREFIX, Settings


class Missing(NamedTuple):
    """A setting without which something configured can't work; `path` is its key."""

    path: str
    setting: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def missing_settings(config: Configuration, settings: Settings) -> Iterator[Missing]:
    """What the configuration leaves to a setting that does not say it, also to look into user groups."""
    if not settings.slack_bot_token and any(one.startswith(("S", "@")) for one in config.operators):
        setting = f"{PREFIX}SLACK_BOT_TOKEN"
        yield Missing("operators", setting, f"can't look into user groups: set {setting}")
    for path, entry in _entries(config):
        key, field = getattr(entry.config, "needs_setting", None) or ("", "")
        if field and not getattr(settings, field):
            setting = f"{PREFIX}{field.upper()}"
            yield Missing(dotted(path), setting, f"can't send anything: set {setting}, or {key} here")


def _entries(config: Configuration) -> Iterator[tuple[Path, NotifierEntry | ActionEntry]]:
    for name, entries in config.receivers.items():
        for position, entry in enumerate(entries):
            yield ("receivers", name, position), entry
    for name, action in config.actions.items():
        yield ("actions", name), action
