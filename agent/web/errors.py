"""What goes wrong with a request, and how it is said: `{"error": {"code", "message", "details"?}}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from aiohttp import web

from agent.polling.cardinality import TooManySeries
from agent.runtime import Unknown
from agent.store.errors import StoreError

log = structlog.get_logger()

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    500: "internal",
    502: "source_failed",
    503: "unavailable",
}
_BODY_LEFT = frozenset({408, 413})  # what is still coming would be taken for the next request


class Failure(Exception):
    """A request that is answered with an error; `details` are further lines in plain words."""

    def __init__(self, status: int, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.details = details


def answer(data: Any, status: int = 200) -> web.Response:
    """An answer in JSON, compressed if the caller takes that."""
    body = orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)
    response = web.Response(body=body, status=status, content_type="application/json", charset="utf-8")
    if len(body) > 1_000:
        response.enable_compression()
    return response


def said(failure: Failure) -> web.Response:
    """The answer that says a failure."""
    error: dict[str, Any] = {"code": CODES.get(failure.status, "error"), "message": str(failure)}
    if failure.details:
        error["details"] = list(failure.details)
    response = answer({"error": error}, failure.status)
    if failure.status in _BODY_LEFT:
        response.force_close()
    return response


def response_to(error: Exception, request: web.Request) -> web.Response:
    """The answer to whatever a handler raised. What nobody foresaw is logged, and said without its particulars."""
    if isinstance(error, Failure):
        return said(error)
    if isinstance(error, (Unknown, TooManySeries)):
        return said(Failure(404 if isinstance(error, Unknown) else 422, str(error)))
    if isinstance(error, StoreError):
        log.error("http.store_failed", error=str(error))
        return said(Failure(503, "the database can't be used at the moment"))
    if isinstance(error, web.HTTPException):
        return _of_aiohttp(error, request)
    if isinstance(error, (ConnectionError, web.RequestPayloadError)):  # nobody may be there to read this
        response = said(Failure(400, "the body broke off or can't be unpacked"))
        response.force_close()
        return response
    log.error("http.failed", exc_info=error)
    return said(Failure(500, "an error that is not the caller's; the log says more under this request's id"))


def _of_aiohttp(error: web.HTTPException, request: web.Request) -> web.Response:
    messages = {
        404: f"there is nothing at {request.path[:200]}",
        405: f"{request.method} is not possible here",
        413: f"the body is larger than {request.client_max_size:,} bytes",
    }
    response = said(Failure(error.status, messages.get(error.status, error.reason)))
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response
