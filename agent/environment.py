"""What variables in a configuration mean, without the settings of a process, which take longer to import."""

from __future__ import annotations

import os
from pathlib import Path

ENV_FILE = ".env"
NO_TEXT = f"{ENV_FILE}: is not a text in UTF-8"


class SettingsError(Exception):
    """Settings that can't be used; `problems` says each in plain words, never with a secret's value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def environment() -> dict[str, str]:
    """What `${VAR}` in a configuration means: `.env`, overruled by the process's own environment.

    Raises SettingsError where `.env` is no text.
    """
    own: dict[str, str | None] = {}
    if Path(ENV_FILE).is_file():
        from dotenv import dotenv_values

        try:
            own = dotenv_values(ENV_FILE, interpolate=False)
        except UnicodeDecodeError:
            raise SettingsError([NO_TEXT]) from None
    return {**{name: value for name, value in own.items() if value is not None}, **os.environ}
