"""The command as a process: one that says something and ends, and the daemon."""

import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-P", "-c", "from agent.cli.main import main; main()")
DEADLINE = 30  # seconds for a process to say or do something


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("SETPOINT_", "COV"))}
    return {**kept, "PYTHONIOENCODING": "utf-8", **more}


@dataclass
class Said:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Daemon:
    """`setpoint run` on a port that was free, its log lines as they come."""

    def __init__(self, folder: Path, *arguments: str, listen: str = "127.0.0.1:0", **environment: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "run", "--listen", listen, *arguments],
            cwd=folder,
            env=clean_environment(SETPOINT_LOG_FORMAT="json", **environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put(line)

    def until(self, event, **having):
        """The first log line of an event (with these fields) from now on."""
        while True:
            line = json.loads(self.lines.get(timeout=DEADLINE))
            if line["event"] == event and having.items() <= line.items():
                return line

    def ready(self):
        self.address = self.until("http.listening")["address"]
        self.url = f"http://{self.address}"
        self.until("setpoint.started")
        return self

    def end(self, how):
        """The exit status after a signal."""
        self.process.send_signal(how)
        status = self.process.wait(DEADLINE)
        self._reader.join()
        self.process.stderr.close()
        return status
