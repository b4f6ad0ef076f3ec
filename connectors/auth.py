"""The credentials a request carries: one configuration model and how it is put on a request."""

from __future__ import annotations

import base64
from itertools import combinations

from yarl import URL

from connectors.fields import Config, HeaderName, Secret, Token


def basic(username: str, password: str) -> str:
    """The value of an `Authorization` header (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def url_secrets(url: URL) -> list[str]:
    """What no message may hold of an address: its password (its user, where that stands alone), and both as sent."""
    if url.user is None:
        return []
    return [url.password or url.user, basic(url.user, url.password or "").partition(" ")[2]]


class Basic(Config):
    """User name and password (RFC 7617)."""

    username: str
    password: Secret


class ApiKey(Config):
    """A key sent in the header or the query parameter named here."""

    ONE_OF = ("header", "query")
    NOT_BOTH = (ONE_OF,)
    header: HeaderName | None = None
    query: str | None = None
    value: Token


class Auth(Config):
    """One way to say who is asking: `bearer`, `basic` or `api_key`."""

    ONE_OF = ("bearer", "basic", "api_key")
    NOT_BOTH = tuple(combinations(ONE_OF, 2))
    bearer: Token | None = None
    basic: Basic | None = None
    api_key: ApiKey | None = None

    def headers(self) -> dict[str, str]:
        """The header fields that carry the credentials."""
        if self.bearer is not None:
            return {"Authorization": f"Bearer {self.bearer.get_secret_value()}"}
        if self.basic is not None:
            return {"Authorization": basic(self.basic.username, self.basic.password.get_secret_value())}
        if self.api_key is not None and self.api_key.header is not None:
            return {self.api_key.header: self.api_key.value.get_secret_value()}
        return {}

    def query(self) -> dict[str, str]:
        """The query parameters that carry the credentials."""
        if self.api_key is not None and self.api_key.query is not None:
            return {self.api_key.query: self.api_key.value.get_secret_value()}
        return {}

    def secrets(self) -> list[str]:
        """What no message may hold."""
        found = [value.partition(" ")[2] or value for value in self.headers().values()]
        found += self.query().values()
        if self.basic is not None:
            found.append(self.basic.password.get_secret_value())
        return found
