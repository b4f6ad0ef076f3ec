"""Writes notices to standard output, for when nothing else is configured."""

from __future__ import annotations

from typing import Literal

from connectors import fields


class ConsoleConfig(fields.Config):
    """`{type: console}`."""

    type: Literal["console"]


class ConsoleNotifier:
    Config = ConsoleConfig
