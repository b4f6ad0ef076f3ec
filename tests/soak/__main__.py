"""`make soak`: a long run of the real daemon among faults, which decides and writes docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.databases import Databases
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
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.hours:g} hours on {given.database}", flush=True)
    plan = course(given.hours * 3600)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak")))
        databases = _databases(stack, needed=given.database == "postgresql")
        shop = databases.create(empty=True) if databases else ""
        server = (databases, databases.create(empty=True)) if databases and given.database == "postgresql" else None
        fleet = Fleet(given.sources, given.every, postgres=bool(shop))
        soak = Soak(fleet, plan, given.seed, folder, shop, server)
        asyncio.run(soak.play())
        found = trends(soak.played.samples, plan.seconds)
        wrong = failures(found, soak.played.findings, plan.seconds)
        text = page(soak, found, wrong)
    print(text.partition("## The last run")[2])
    if plan.seconds >= PAGE_FROM and server is None:
        PAGE.write_text(text, encoding="utf-8")
        print(f"written to {PAGE}")
    return int(bool(wrong))


def _databases(stack: ExitStack, *, needed: bool) -> Databases | None:
    """For sources that are read, and where it is `needed` for the daemon's own."""
    try:
        return stack.enter_context(Databases(stack.enter_context(postgres())))
    except AssertionError as error:
        if needed:
            raise
        print(f"without PostgreSQL: {error}", flush=True)
        return None


if __name__ == "__main__":
    sys.exit(main())
