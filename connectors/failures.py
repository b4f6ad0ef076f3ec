"""Which `ConnectorError` a failure of the HTTP client, of TLS or of the operating system is."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import aiohttp

from connectors.base import BadAnswer, ConnectorError, Misconfigured, TimedOut, Unreachable

_NO_MORE_FILES = frozenset({errno.EMFILE, errno.ENFILE})


_SAID: tuple[tuple[type[BaseException], type[ConnectorError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, TimedOut, "no connection in time"),
    (TimeoutError, TimedOut, "no complete answer within {seconds:g} s"),
    (aiohttp.ClientConnectorDNSError, Unreachable, "name not found"),
    (socket.gaierror, Unreachable, "name not found"),
    (aiohttp.InvalidURL, Misconfigured, "not an address of the web"),
    (aiohttp.NonHttpUrlClientError, Misconfigured, "not an address of the web"),
    (aiohttp.ServerDisconnectedError, Unreachable, "the connection was closed before the answer"),
    (aiohttp.ClientResponseError, BadAnswer, "did not answer with HTTP"),
)


def failure(error: BaseException, where: str, seconds: float) -> ConnectorError:
    """What to raise for `error`. `where` is the address as it may be shown, `seconds` the time it was given."""
    tls = _tls(error)
    if tls:
        return Unreachable(f"{where}: TLS refused: {tls}")
    for kind, meant, said in _SAID:
        if isinstance(error, kind):
            return meant(f"{where}: " + said.format(seconds=seconds))
    if isinstance(error, aiohttp.ClientPayloadError):
        return _payload(error, where)
    if isinstance(error, OSError):
        return _system(error, where)
    if isinstance(error, ValueError):  # a name no host can have, a line break in a header
        return Misconfigured(f"{where}: no such address or header can be sent")
    return Unreachable(f"{where}: {type(error).__name__}")


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
        return BadAnswer(f"{where}: the compressed answer can't be unpacked")
    return Unreachable(f"{where}: the answer broke off")


def _system(error: OSError, where: str) -> Unreachable:
    inner = getattr(error, "os_error", error)
    if inner.errno in _NO_MORE_FILES:
        return Unreachable(f"{where}: this process has too many open files; raise its limit (ulimit -n)")
    if isinstance(inner, ConnectionRefusedError) or inner.errno == errno.ECONNREFUSED:
        return Unreachable(f"{where}: connection refused")
    if isinstance(inner, ConnectionError):
        return Unreachable(f"{where}: the connection broke")
    reason = os.strerror(inner.errno).lower() if inner.errno and inner.errno > 0 else "no connection"
    return Unreachable(f"{where}: {reason}")
