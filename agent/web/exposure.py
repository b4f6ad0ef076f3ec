"""Whether the address to listen on may be used, said before anything binds. Imports nothing heavy."""

from __future__ import annotations

from agent.settings import Settings


class ServeError(Exception):
    """The daemon can't be reached the way it is set up; the message says why and what to set."""


class Exposed(ServeError):
    """Others could reach it, and no key is set."""


class CannotListen(ServeError):
    """The address can't be bound: in use, not of this machine, or not allowed."""


def check_exposure(settings: Settings) -> str | None:
    """What is wrong with listening as set: without a key only this machine may reach the daemon. None: nothing."""
    if settings.api_key_hash or settings.listen.loopback:
        return None
    return (
        f"SETPOINT_LISTEN={settings.listen} is reachable from outside, and SETPOINT_API_KEY is not set: "
        "everybody who reaches it could read the numbers, push readings and reload the configuration. "
        "Set SETPOINT_API_KEY (or SETPOINT_API_KEY_FILE) to a long random text, for example from "
        "`openssl rand -hex 32`, or listen on this machine only: SETPOINT_LISTEN=127.0.0.1:8080"
    )
