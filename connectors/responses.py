"""The answers of the shared session, as those see them who ask it through another library (httpx, slack-sdk)."""

from __future__ import annotations

import aiohttp

MOST_BYTES = 4_000_000
"""More than Slack says to any call; once unpacked."""


class BoundedResponse(aiohttp.ClientResponse):
    """An answer without the phrase beside its status, and of which nobody gets more than `MOST_BYTES` at once.

    The phrase means nothing (RFC 9110, 15.1) and may be in any encoding; httpx's transport takes it for UTF-8.
    """

    @property
    def reason(self) -> str:
        """Always empty."""
        return ""

    @reason.setter
    def reason(self, _said: str | None) -> None:
        pass

    async def read(self) -> bytes:
        """The whole body. Raises ValueError where it is too large; what polls read has its own bound (`http.py`)."""
        if self._body is None:
            body = bytearray()
            async for part in self.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    self.close()
                    raise ValueError(f"an answer of more than {MOST_BYTES:,} bytes")
            self._body = bytes(body)
        return await super().read()
