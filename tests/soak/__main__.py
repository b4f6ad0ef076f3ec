"""`make soak`: a long run of the real daemon among faults, which decides and writes docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.servers import postgres
from tests.soak.faults import course
from tests.soak.fleet import Fleet
from tests.soak.page import PAGE, page
from tests.soak.play import Soak
from tests.soak.verdict import failures, trends

PAGE_FROM = 900.0  # seconds: a shorter run says too little for the page


def main() -> int:
    """0: nothing grew, nothing was lost, nothing broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=0.3)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--every", type=int, default=10, help="seconds between two polls of a source")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.hours:g} hours", flush=True)
    plan = course(given.hours * 3600)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak")))
        database = _postgres(stack)
        fleet = Fleet(given.sources, given.every, postgres=bool(database))
        soak = Soak(fleet, plan, given.seed, folder, database)
        asyncio.run(soak.play())
        found = trends(soak.played.samples, plan.seconds)
        wrong = failures(found, soak.played.findings, plan.seconds)
        text = page(soak, found, wrong)
    print(text.partition("## The last run")[2])
    if plan.seconds >= PAGE_FROM:
        PAGE.write_text(text, encoding="utf-8")
        print(f"written to {PAGE}")
    return int(bool(wrong))


def _postgres(stack: ExitStack) -> str:
    try:
        return stack.enter_context(postgres()).url
    except AssertionError as error:
        print(f"without PostgreSQL: {error}", flush=True)
        return ""


if __name__ == "__main__":
    sys.exit(main())
