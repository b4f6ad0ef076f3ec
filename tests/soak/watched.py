"""The daemon of a run: its log is counted instead of kept, and it is measured from outside."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from tests.acceptance.daemon import Daemon
from tests.soak.verdict import Sample

KEPT = 500  # lines of the log
_LINE = re.compile(r"^(setpoint_[a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LE = re.compile(r'le="([^"]+)"')
_WANTED = {
    "setpoint_tasks", "setpoint_outbox_deliveries", "setpoint_polls_total", "setpoint_deliveries_total",
    "setpoint_readings_total", "setpoint_event_loop_lag_seconds_bucket", "setpoint_scheduler_lag_seconds_bucket",
}  # fmt: skip

Counts = dict[str, dict[str, float]]


def read(text: str) -> Counts:
    """The figures that a sample is made of, by name and labels, from Prometheus' text format."""
    found: Counts = defaultdict(dict)
    for name, labels, value in _LINE.findall(text):
        if name in _WANTED:
            found[name][labels] = float(value)
    return found


def quantile(now: dict[str, float], before: dict[str, float], share: float) -> float:
    """The bound of the bucket within which this share of what came between two looks at a histogram lies."""
    counts = sorted((float(_LE.search(le)[1]), count - before.get(le, 0.0)) for le, count in now.items())  # type: ignore[index]
    total = counts[-1][1] if counts else 0.0
    return next((bound for bound, count in counts if count >= share * total), 0.0) if total else 0.0


class Look(NamedTuple):
    """What one life of the daemon had counted when it was looked at last."""

    life: int
    counts: Counts


class Watched(Daemon):
    """`life` counts its starts, `errors` its log lines of level error by event; `tracebacks` are whole."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.life = 0
        self.errors: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self.tracebacks: list[str] = []
        self.readings = 0.0  # committed, of all lives
        self._look = Look(0, {})
        self._outbox = 0.0  # as last said: while the database is away the daemon can't say

    async def start(self) -> None:
        self.life += 1
        self.log.clear()
        await super().start()

    def _take(self, text: str, *, errors: bool) -> None:
        super()._take(text, errors=errors)
        line = self.log[-1] if self.log else {}
        if not text.startswith("{"):
            if errors:
                self.tracebacks.append(text)  # the daemon writes nothing else to standard error than its log
        elif line.get("event") != "http.request":
            self._count(line)
        if len(self.log) > 2 * KEPT:
            del self.log[:KEPT]

    def _count(self, line: dict[str, Any]) -> None:
        {"error": self.errors, "warning": self.warnings}.get(line.get("level", ""), Counter())[line["event"]] += 1
        if "exception" in line:
            self.tracebacks.append(f"{line['event']}: {line['exception']}")

    async def sample(self, at: float, *, calm: bool) -> Sample:
        """How it stands now."""
        status, text, _ = await self.request("GET", "/metrics")
        assert status == 200, f"/metrics answered {status}"
        counts = read(text)
        before = self._look.counts if self._look.life == self.life else {}
        self._look = Look(self.life, counts)
        self._outbox = counts["setpoint_outbox_deliveries"].get("", self._outbox)

        def risen(name: str, *outcomes: str) -> int:
            old = before.get(name, {})
            rows = [(labels, value) for labels, value in counts.get(name, {}).items()]
            return int(sum(v - old.get(k, 0.0) for k, v in rows if not outcomes or any(o in k for o in outcomes)))

        self.readings += risen("setpoint_readings_total")
        lag, tick = ("setpoint_event_loop_lag_seconds_bucket", "setpoint_scheduler_lag_seconds_bucket")
        database, wal = self.sizes()
        open_now = list(Path(f"/proc/{self.pid}/fd").iterdir())
        sockets = sum(_is_socket(one) for one in open_now)
        return Sample(
            at=at,
            life=self.life,
            calm=calm,
            rss=self.memory(),
            handles=len(open_now) - sockets,
            connections=sockets,
            threads=len(list(Path(f"/proc/{self.pid}/task").iterdir())),
            tasks=int(counts["setpoint_tasks"][""]),
            database=database,
            wal=wal,
            outbox=int(self._outbox),
            lag_p99=quantile(counts[lag], before.get(lag, {}), 0.99),
            lag_max=quantile(counts[lag], before.get(lag, {}), 1.0),
            tick_lag_p99=quantile(counts[tick], before.get(tick, {}), 0.99),
            polls_due=risen("setpoint_polls_total"),
            polls_made=risen("setpoint_polls_total", '"ok"', '"failed"'),
            deliveries=risen("setpoint_deliveries_total", '"sent"'),
        )

    def sizes(self) -> tuple[int, int]:
        """Bytes of the database and of the write-ahead log, which on PostgreSQL is the whole server's."""
        if self.server is None:
            return self.database.stat().st_size, _size(self.database.with_name(f"{self.database.name}-wal"))
        wal = "(SELECT CAST(sum(size) AS bigint) FROM pg_ls_waldir())"
        (row,) = self.rows(f"SELECT pg_database_size(current_database()) AS database, {wal} AS wal")
        return row["database"], row["wal"]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_socket(handle: Path) -> bool:
    try:
        return str(handle.readlink()).startswith("socket:")
    except OSError:  # closed meanwhile
        return False
