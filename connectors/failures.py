"""Which `ConnectorError` a failure of the HTTP client, of TLS or of the operating system is."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import aiohttp

from connectors.base import BadAnswer, ConnectorError, Misconfigured, TimedOut, Unreachable
from connectors.public import NotPublic, not_public

NO_MORE_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_BROKE = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ESHUTDOWN, errno.ETIMEDOUT})


_SAID: tuple[tuple[type[BaseException], type[ConnectorError], str, bool], ...] = (  # last: whether it was sent
    (aiohttp.ConnectionTimeoutError, TimedOut, "no connection in time", False),
    (TimeoutError, TimedOut, "no complete answer within {seconds:g} s", True),
    (aiohttp.InvalidURL, Misconfigured, "not an address of the web", False),
    (aiohttp.NonHttpUrlClientError, Misconfigured, "not an address of the web", False),
    (aiohttp.ServerDisconnectedError, Unreachable, "the connection was closed before the answer", True),
    (aiohttp.ClientHttpProxyError, Unreachable, "the proxy lets nothing through", False),
    (aiohttp.ClientResponseError, BadAnswer, "did not answer with HTTP", True),
)


def failure(error: BaseException, where: str, seconds: float) -> ConnectorError:
    """What to raise for `error`. `where` is the address as it may be shown, `seconds` the time it was given."""
    refusal = _not_wanted(error, where)
    if refusal is not None:
        return refusal
    for kind, meant, said, sent in _SAID:
        if isinstance(error, kind):
            return meant(f"{where}: " + said.format(seconds=seconds), unanswered=sent)
    if isinstance(error, aiohttp.ClientPayloadError):
        return _payload(error, where)
    if isinstance(error, OSError):
        to_proxy = isinstance(error, aiohttp.ClientProxyConnectionError)
        return _system(error, f"{where}: no way to the proxy" if to_proxy else where)
    if isinstance(error, ValueError):  # a name no host can have, a line break in a header
        return Misconfigured(f"{where}: no such address or header can be sent")
    return Unreachable(f"{where}: {type(error).__name__}")


def _not_wanted(error: BaseException, where: str) -> ConnectorError | None:
    """The error where we did not want to speak with what is there."""
    if isinstance(getattr(error, "os_error", error), NotPublic):
        return not_public(where)
    tls = _tls(error)
    return Unreachable(f"{where}: TLS refused: {tls}") if tls else None


def _tls(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        found = error.certificate_error
        return getattr(found, "verify_message", "") or "the certificate can't be trusted"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        inner = getattr(error, "os_error", error)
        reason = getattr(inner, "reason", None)
        return str(reason or "handshake failed").lower().replace("_", " ")
    return ""


def _payload(error: aiohttp.ClientPayloadError, where: str) -> ConnectorError:
    text = f"{error} {error.__cause__}".lower()
    if "encoding" in text and "transferencoding" not in text:
        return BadAnswer(f"{where}: the compressed answer can't be unpacked", unanswered=True)
    return Unreachable(f"{where}: the answer broke off", unanswered=True)


def _system(error: OSError, where: str) -> Unreachable:
    inner = getattr(error, "os_error", error)
    if isinstance(error, (aiohttp.ClientConnectorDNSError, socket.gaierror)):
        asked = "" if inner.errno in _NO_SUCH_NAME else " (the name server does not answer)"
        return Unreachable(f"{where}: name not found{asked}")
    if inner.errno in NO_MORE_FILES:
        return Unreachable(f"{where}: this process has too many open files; raise its limit (ulimit -n)")
    if isinstance(inner, ConnectionRefusedError) or inner.errno == errno.ECONNREFUSED:
        return Unreachable(f"{where}: connection refused")
    was_open = not isinstance(error, aiohttp.ClientConnectorError)
    sent = was_open and (isinstance(inner, ConnectionError) or inner.errno in _BROKE)
    if isinstance(inner, ConnectionError):
        return Unreachable(f"{where}: the connection broke", unanswered=sent)
    reason = os.strerror(inner.errno).lower() if inner.errno and inner.errno > 0 else "no connection"
    return Unreachable(f"{where}: {reason}", unanswered=sent)
