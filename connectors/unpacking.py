"""Unpacks an answer piece by piece, and knows whether its end has come.

aiohttp takes a gzip stream that breaks off for whole, so a cut CSV would be read as a shorter one.
"""

from __future__ import annotations

import zlib
from typing import Any

_GZIP, _ZLIB, _RAW = 31, 15, -15  # what zlib calls window bits
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


def unpacking(encoding: str) -> Unpacking | None:
    """What unpacks a body with this Content-Encoding; None where it is taken as it comes."""
    encoding = encoding.strip().lower()
    return Unpacking(encoding) if encoding in _ENCODINGS else None


class Unpacking:
    """One body: streams of gzip (RFC 1952) or deflate (RFC 1950; 1951 as some servers send it), one after another."""

    def __init__(self, encoding: str) -> None:
        self._gzip = encoding != "deflate"
        self._stream: Any = None  # the type of zlib.decompressobj() has no name

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self._stream is None

    def feed(self, data: bytes, most: int) -> bytes:
        """What the next piece unpacks to; no more than `most` bytes are made, the rest is lost. Raises zlib.error."""
        parts: list[bytes] = []
        while data and most > 0:
            if self._stream is None:
                deflate = _ZLIB if data[0] & 0x0F == zlib.DEFLATED else _RAW
                self._stream = zlib.decompressobj(_GZIP if self._gzip else deflate)
            parts.append(self._stream.decompress(data, most))
            most -= len(parts[-1])
            data = self._stream.unconsumed_tail or self._stream.unused_data
            if self._stream.eof:
                self._stream = None
        return b"".join(parts)
