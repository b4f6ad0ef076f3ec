"""What a drawing process does: answers each line of its input with a document, until there are no more.

The other end is `agent.charts.process`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import BinaryIO


def serve(make: Callable[[bytes], bytes], requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers `ok <length>` and the bytes, or `error <words>`."""
    for request in requests:
        try:
            made = make(request)
        except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            words = " ".join(f"{type(error).__name__}: {error}".split())
            answers.write(f"error {words}\n".encode())
        else:
            answers.write(f"ok {len(made)}\n".encode() + made)
        answers.flush()


def run(make: Callable[[bytes], bytes]) -> None:
    """Serves this process's standard input and output."""
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    serve(make, sys.stdin.buffer, own)
