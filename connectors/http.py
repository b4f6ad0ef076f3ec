"""The one HTTP client: every request of the daemon goes through the session that is held here."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from connectors.answers import excerpt, refused, shown
from connectors.auth import basic
from connectors.base import BadAnswer, ConnectorError, Misconfigured, Refused
from connectors.connector import KEPT, NewestFirst, anew, was_kept
from connectors.deadlines import Deadlines
from connectors.failures import NO_MORE_FILES, failure
from connectors.limits import Limits
from connectors.pace import Pace
from connectors.proxies import Proxies, request_class, through
from connectors.public import PublicOnly, check_public
from connectors.resolving import Resolver
from connectors.responses import BoundedResponse
from connectors.unpacking import unpacking

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 5
NAME = "Setpoint"  # as which it asks and calls
_CONNECT_SECONDS = 5.0
_BODY_SECONDS = 2.0
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})
_SAFE = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNLIMITED = nullcontext()


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `timeout` is in seconds, for everything; `max_bytes` counts the answer after it is unpacked.

    `name` stands for the address in messages where the address itself is a secret; `secrets` are taken out of
    excerpts of the answer. `limits` are those of the gateway; waiting for them is not part of `timeout`. `proxy` goes
    before what the environment says. With `public` data chose the host, so only a public address is reached.
    """

    method: str
    url: URL
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float = 10.0
    max_bytes: int = 16_000_000
    name: str = ""
    secrets: tuple[str, ...] = ()
    limits: Limits | None = None
    proxy: URL | None = None
    public: bool = False

    @property
    def where(self) -> str:
        """The other side as it may be shown."""
        return self.name or shown(self.url)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, of any status. Header names are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    redirected: bool = False


class HttpClient:
    """One `aiohttp.ClientSession` for polls, and an httpx client over it for what is sent.

    Has to be used and closed in one event loop. `now` gives UTC microseconds, `monotonic` seconds (default: the
    loop's time); `sleep` is what waits for a turn.
    """

    def __init__(
        self,
        now: Callable[[], int],
        monotonic: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        proxies: Proxies | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._proxies = proxies or Proxies({})
        self._resolver = resolver
        self._deadlines = Deadlines()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}  # by whether only public addresses are reached
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._limits: dict[str, tuple[object, Limits]] = {}
        self._paces: dict[str, Pace] = {}

    @property
    def session(self) -> aiohttp.ClientSession:
        """The shared session, opened when it is first asked for; never close it, close this client."""
        return self._session(public=False)

    def _session(self, *, public: bool) -> aiohttp.ClientSession:
        if public not in self._sessions:
            # One connection each to 5,000 hosts and some more; idle ones outlive the usual intervals of up to a minute.
            # No limit for a host: a wait for a connection would count as a wait for the answer. Who polls limits that.
            self._resolver = self._resolver or Resolver()
            resolver = PublicOnly(self._resolver) if public else self._resolver
            connector = NewestFirst(limit=10_000, keepalive_timeout=KEPT, ttl_dns_cache=60, resolver=resolver)
            session = self._sessions[public] = aiohttp.ClientSession(
                connector=connector,
                request_class=aiohttp.ClientRequest if public else request_class(self._proxies),
                response_class=BoundedResponse,
                cookie_jar=aiohttp.DummyCookieJar(),  # what one source is given is no business of another
                headers={"User-Agent": NAME, "Accept-Encoding": "gzip, deflate"},
                timeout=aiohttp.ClientTimeout(total=30, sock_connect=_CONNECT_SECONDS),
            )
            # It would make GET, PUT and DELETE a second time, without a bound; a correction must not be made twice.
            session._retry_connection = False
        return self._sessions[public]

    def proxy_for(self, url: str) -> str | None:
        """The proxy that the environment names for an address, for who asks it without this session."""
        proxy = self._proxies.of(URL(url))
        return str(proxy) if proxy else None

    def client(self, *, public: bool = False) -> httpx.AsyncClient:
        """The httpx client over the shared session, made when it is first asked for; not to be closed either."""
        if public not in self._clients:
            import ssl
            from http.cookiejar import CookieJar, DefaultCookiePolicy

            import httpx
            from httpx_aiohttp import AiohttpTransport

            # The session does TLS; a context given here only keeps the transport from loading all certificates again.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            transport = AiohttpTransport(verify=context, client=self._session(public=public))
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))  # httpx has a jar beside the session's
            self._clients[public] = httpx.AsyncClient(
                headers={"User-Agent": NAME}, cookies=no_cookies, transport=transport, trust_env=False, timeout=10
            )
        return self._clients[public]

    async def _guarded(self, url: URL, request: Request) -> bool:
        """Whether a session may connect only to public addresses, for one that data chose. Raises Refused, NotPublic.

        A proxy connects by itself: there only what is known of the name here can be looked at before.
        """
        check_public(url, request.where)
        if self._proxies.of(url) is None:
            return True
        self._resolver = self._resolver or Resolver()
        with suppress(socket.gaierror):
            await PublicOnly(self._resolver).resolve(url.host or "", url.port or 0)
        return False

    def limits(self, name: str, rate: tuple[int, int] | None, concurrency: int | None) -> Limits | None:
        """The limits of the gateway `name`, the same object for all its users while its configuration stays."""
        if rate is None and concurrency is None:
            return None
        known, limits = self._limits.get(name, (None, None))
        if limits is None or known != (rate, concurrency):
            limits = Limits(rate, concurrency, self._monotonic or asyncio.get_running_loop().time, self._sleep)
            self._limits[name] = (rate, concurrency), limits
        return limits

    def pace(self, account: str) -> Pace:
        """How fast calls may be made with one account, such as a token: the same object for all who use it."""
        if account not in self._paces:
            self._paces[account] = Pace(self._monotonic or asyncio.get_running_loop().time, self._sleep)
        return self._paces[account]

    async def fetch(self, request: Request) -> Response:
        """The answer to a request, whatever its status; redirects of GET and HEAD are followed.

        A GET or HEAD on a kept connection that the other side closes unanswered is made again once, on a new one.

        Raises Unreachable, TimedOut, BadAnswer (too large, not HTTP), Refused (too many redirects), Misconfigured
        (no such address or header can exist).
        """
        async with request.limits or _UNLIMITED:
            try:
                with through(request.proxy), self._deadlines.within(request.timeout):
                    return await self._exchange_again(request)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise self._failure(error, request) from None

    async def send(self, request: Request) -> Response:
        """Sends what changes something on the other side, once, and follows no redirect.

        Returns the answer if its status is a success; of its body what came within `max_bytes` and a moment, since the
        status is what counts. Raises as `fetch` does, and Refused for any other status, with `permanent` and
        `retry_after` for whoever sends again.
        """
        import httpx

        url, headers = _credentials(request)
        patience = httpx.Timeout(request.timeout, connect=_connecting(request.timeout))
        async with request.limits or _UNLIMITED:
            try:
                with through(request.proxy):
                    guarded = request.public and await self._guarded(url, request)
                    async with (
                        asyncio.timeout(request.timeout) as whole,
                        self.client(public=guarded).stream(
                            request.method,
                            str(url),
                            headers=httpx.Headers(headers, encoding="utf-8"),  # as what is fetched has them
                            content=request.body,
                            timeout=patience,
                        ) as answer,
                    ):
                        body = await _beginning(answer, request.max_bytes, whole)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol):
                raise Misconfigured(f"{request.where}: not an address of the web") from None
            except httpx.HTTPError as error:  # the transport keeps what the session raised as its cause
                raise self._failure(error.__cause__ or error, request) from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise self._failure(error, request) from None
        response = Response(answer.status_code, answer.headers, body)
        if not 200 <= response.status < 300:
            raise self.refusal(request, response)
        return response

    def refusal(self, request: Request, response: Response) -> Refused:
        """The error an answer without success means."""
        said = excerpt(response.body, request.secrets)
        return refused(request.where, response.status, response.headers, said, self._now())

    def _failure(self, error: BaseException, request: Request) -> ConnectorError:
        if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
            connector = self.session.connector
            if isinstance(connector, NewestFirst) and getattr(error, "errno", None) in NO_MORE_FILES:
                connector.close_idle()
            elif isinstance(connector, aiohttp.TCPConnector) and request.url.host and request.url.port:
                connector.clear_dns_cache(request.url.host, request.url.port)  # it may have moved
        return failure(error, request.where, request.timeout)

    async def close(self) -> None:
        """Closes all connections."""
        sessions, self._sessions, self._clients = self._sessions, {}, {}
        for session in sessions.values():
            await session.close()
        if self._resolver is not None:
            await self._resolver.close()

    async def _exchange_again(self, request: Request) -> Response:
        try:
            return await self._exchange(request)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # An answer pays for each second try: a connection that is new gets none, so an outage is not doubled.
            if request.method not in _SAFE or not was_kept():
                raise
            with anew():
                return await self._exchange(request)

    async def _exchange(self, request: Request) -> Response:
        url, headers = request.url, request.headers
        for _ in range(MAX_REDIRECTS + 1):
            chosen = request.public or url.host != request.url.host  # by a redirect, too
            guarded = chosen and await self._guarded(url, request)
            async with self._session(public=guarded).request(
                request.method,
                url,
                headers=headers,
                data=request.body,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_timeout(request.timeout),
            ) as answer:
                following = _location(request, url, answer)
                if following is None:
                    redirected = url is not request.url
                    return Response(answer.status, answer.headers, await _body(request, answer), redirected)
            # What was asked of one address is no condition for another.
            headers = {name: text for name, text in headers.items() if name.lower() not in _CONDITIONS}
            if following.origin() != url.origin():  # nobody else gets the credentials
                headers = {name: text for name, text in headers.items() if name.lower() == "accept"}
            url = following
        raise Refused(f"{request.where} redirects more than {MAX_REDIRECTS} times", status=answer.status)


@lru_cache(maxsize=256)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    # The whole exchange is under one time-out, redirects included; here only what has to be told apart.
    return aiohttp.ClientTimeout(total=None, sock_connect=_connecting(seconds))


def _connecting(seconds: float) -> float:
    """How long a connection may take: less than the whole, else nobody knows that there was none."""
    return min(0.9 * seconds, _CONNECT_SECONDS)


def _credentials(request: Request) -> tuple[URL, dict[str, str]]:
    url, headers = request.url, {"Accept-Encoding": "identity", **request.headers}
    if url.user is not None:  # httpx and aiohttp would both make a header of it, and fail over the other's
        headers.setdefault("authorization", basic(url.user, url.password or ""))
        url = url.with_user(None)
    return url, headers


def _location(request: Request, url: URL, answer: aiohttp.ClientResponse) -> URL | None:
    if answer.status not in _REDIRECTS or request.method not in _SAFE:
        return None
    try:
        following = url.join(URL(answer.headers["Location"]))
    except KeyError:
        return None
    except ValueError:
        raise Refused(f"{request.where} redirects to no address", status=answer.status) from None
    if following.scheme not in {"http", "https"} or not following.host:
        raise Refused(f"{request.where} redirects to no web address", status=answer.status)
    return following


async def _beginning(answer: httpx.Response, length: int, whole: asyncio.Timeout) -> bytes:
    """What comes of a body soon. The status has answered: what drips, breaks off or never ends can't take it back."""
    import httpx

    body, soon = b"", asyncio.get_running_loop().time() + _BODY_SECONDS
    until = min(soon, whole.when() or soon)
    whole.reschedule(None)
    with suppress(TimeoutError, httpx.HTTPError, aiohttp.ClientError, OSError):
        async with asyncio.timeout_at(until):
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) >= length:
                    break
    return body


async def _body(request: Request, answer: aiohttp.ClientResponse) -> bytes:
    limit = request.max_bytes
    declared = answer.content_length
    if declared is not None and request.method != "HEAD":
        if declared > limit:
            answer.close()
            raise BadAnswer(f"{request.where}: the answer has {declared} bytes, more than max_bytes ({limit})")
        if "Content-Encoding" not in answer.headers:
            return await answer.content.read()
    unpack = unpacking(answer.headers.get("Content-Encoding", ""))
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        try:
            parts.append(unpack.feed(part, limit - size + 1) if unpack else part)
        except zlib.error:
            answer.close()
            raise BadAnswer(f"{request.where}: the compressed answer can't be unpacked") from None
        size += len(parts[-1])
        if size > limit:
            answer.close()
            raise BadAnswer(f"{request.where}: the answer is larger than max_bytes ({limit})")
    if unpack and not unpack.whole:
        raise BadAnswer(f"{request.where}: the compressed answer broke off")
    return b"".join(parts)
