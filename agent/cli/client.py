"""Asks the running daemon over its API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from agent.acts import COMMAND_LINE
from agent.cli.options import Failed, Unusable, environment

if TYPE_CHECKING:
    from agent.settings import Address, Settings

PATIENCE = 15.0  # seconds
_MOST = 50_000_000  # bytes of an answer
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a daemon that listens everywhere is reached at


class NoDaemon(Failed):
    """No Setpoint answers at the address."""


class Refusal(Failed):
    """The daemon said no; `details` are further lines."""

    def __init__(self, status: int, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.details = tuple(details)


@contextmanager
def mistaken() -> Iterator[None]:
    """What the daemon can't find or read is a mistake of who asked. Raises Unusable or Failed instead of Refusal."""
    try:
        yield
    except Refusal as refusal:
        raise (Unusable if refusal.status in {404, 422} else Failed)(str(refusal)) from None


class Daemon:
    """A daemon at an address that may or may not be there. `url` is None for the one of this machine's settings."""

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        self.given = url is not None
        self._base, password = _parts(url) if url is not None else (_local(settings.listen), "")
        self._key = password or _api_key()

    @property
    def where(self) -> str:
        """The address as it is shown."""
        return self._base

    def get(self, path: str) -> Any:
        """The answer to `GET /api/v1/<path>`. Raises NoDaemon, Refusal, Unusable (the key)."""
        return self._ask("GET", path, None, PATIENCE)

    def post(self, path: str, body: Any = None, patience: float = PATIENCE) -> Any:
        """The answer to `POST /api/v1/<path>`. Raises as `get` does; `patience` is in seconds."""
        return self._ask("POST", path, json.dumps(body).encode() if body is not None else b"", patience)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to any method. Raises as `get` does."""
        return self._ask(method, path, json.dumps(body).encode() if body is not None else None, PATIENCE)

    def read(self, path: str, patience: float = PATIENCE) -> bytes:
        """The answer to `GET /api/v1/<path>` as it is, whatever it is. Raises as `get` does."""
        return self._answer("GET", path, None, patience)

    def _ask(self, method: str, path: str, body: bytes | None, patience: float) -> Any:
        return _json(self._answer(method, path, body, patience), self._base)

    def _answer(self, method: str, path: str, body: bytes | None, patience: float) -> bytes:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request

        headers: dict[str, Any] = {"Accept": "application/json", "User-Agent": COMMAND_LINE}
        if body:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = b"Bearer " + self._key.encode()
        request = Request(f"{self._base}/api/v1/{path}", data=body, headers=headers, method=method)  # noqa: S310
        try:
            with _opener(self._base).open(request, timeout=patience) as answer:
                found: bytes = answer.read(_MOST)
                return found
        except HTTPError as error:
            with error:
                raise self._refusal(error.code, error.read(_MOST)) from None
        except (OSError, HTTPException) as error:
            raise NoDaemon(f"no daemon answers at {self._base}: {_why(error)}") from None

    def _refusal(self, status: int, body: bytes) -> Exception:
        said = _json(body, self._base)
        error = said.get("error")
        if not isinstance(error, dict):
            return _stranger(self._base)
        message = str(error.get("message", ""))
        if status == 401:
            tried = "the daemon does not take this API key" if self._key else "the daemon wants an API key"
            return Unusable(f"{tried}; set SETPOINT_API_KEY to the one it runs with")
        return Refusal(status, message, map(str, error.get("details", ())))


def _json(body: bytes, base: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        raise _stranger(base) from None
    if not isinstance(said, dict):
        raise _stranger(base)
    return said


def _stranger(base: str) -> NoDaemon:
    return NoDaemon(f"what answers at {base} is not Setpoint")


def _opener(base: str) -> Any:
    """Follows no redirect (nobody else gets the key), and goes to this machine directly, not through a proxy."""
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    class Straight(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    host = urlsplit(base).hostname or ""
    local = host in {"localhost", "::1"} or host.startswith("127.")
    return build_opener(Straight, *([ProxyHandler({})] if local else []))


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__).lower()


def _local(listen: Address) -> str:
    return f"http://{listen._replace(host=_EVERYWHERE.get(listen.host, listen.host))}"


def _parts(url: str) -> tuple[str, str]:
    """The address without credentials, and the password in it, which serves as the key. Raises Unusable."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise Unusable("--url has to be the daemon's address, for example http://127.0.0.1:8080")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")), parts.password or ""


def _api_key() -> str:
    """SETPOINT_API_KEY or what its file holds; the settings, which were read by now, keep only its hash."""
    known = {name.upper(): value for name, value in environment().items()}
    key = known.get("SETPOINT_API_KEY", "")
    if not key and (path := known.get("SETPOINT_API_KEY_FILE")):
        try:
            key = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise Unusable("can't read the file that SETPOINT_API_KEY_FILE names") from None
    key = key.strip()
    if not key.isprintable():
        raise Unusable("SETPOINT_API_KEY holds a character that no key can have")
    return key
