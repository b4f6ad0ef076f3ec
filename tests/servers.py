"""Real servers for tests: mosquitto and PostgreSQL, each a private instance on a free port, in a folder of its own.

`tools/programs.sh` installs what is missing. Where it could not, a test that needs a server fails: it is not skipped.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "connectors" / "data" / "self-signed.pem"


def program(name: str) -> str:
    """Where a program is, also where Debian keeps it out of the way."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found or debian, f"{name} is not installed; tools/programs.sh installs it where there is apt-get and root"
    return found or str(debian[-1])


def free_port() -> int:
    """One that stays free while nobody listens there: not of those that the system gives to connections (ip(7))."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    while True:
        port = random.SystemRandom().randrange(first // 2, first)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


@dataclass
class Mosquitto:
    """A running broker: `port` takes everybody, `closed` those with a password, `tls` is encrypted.

    `user` may write below `home/`, and nowhere else.
    """

    port: int
    closed: int
    tls: int
    process: subprocess.Popen[str]
    user: str = "house"
    password: str = "Br0ker-S3cret"


@contextmanager
def mosquitto(folder: Path) -> Iterator[Mosquitto]:
    """A broker that ends with the block."""
    ports = [free_port() for _ in range(3)]
    (folder / "acl").write_text("topic readwrite #\nuser house\ntopic readwrite home/#\n")
    (folder / "closed.acl").write_text("user house\ntopic readwrite home/#\n")
    lines = [
        "persistence false",
        "log_dest stderr",
        "connection_messages false",  # nobody reads on
        "per_listener_settings true",
        f"listener {ports[0]} 127.0.0.1\nallow_anonymous true",
        f"listener {ports[1]} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/passwords\nacl_file {folder}/closed.acl",
        f"listener {ports[2]} 127.0.0.1\nallow_anonymous true\ncertfile {CERTIFICATE}\nkeyfile {CERTIFICATE}",
    ]
    if os.getuid() == 0:
        lines.insert(0, "user root")
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    words = [program("mosquitto_passwd"), "-c", "-b", str(folder / "passwords"), "house", Mosquitto.password]
    subprocess.run(words, check=True, capture_output=True)
    process = subprocess.Popen(
        [program("mosquitto"), "-c", str(folder / "mosquitto.conf")], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if line.rstrip().endswith("running"):
                break
        assert process.poll() is None, "".join(said)
        yield Mosquitto(*ports, process)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@dataclass(frozen=True)
class Postgres:
    """A running database server."""

    port: int
    user: str = "setpoint"
    password: str = "Dat@base-S3cret"
    quoted: str = "Dat%40base-S3cret"
    control: Callable[..., None] = print  # runs pg_ctl for its data

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}:{self.quoted}@127.0.0.1:{self.port}/postgres"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that ends with the block. Root may not run it, so root lets `postgres` do."""
    made = Postgres(free_port())
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a short path, and one that others may enter
    try:
        (folder / "password").write_text(made.password)
        who = None
        if os.getuid() == 0:
            who = pwd.getpwnam("postgres").pw_uid
            for path in (folder, folder / "password"):
                os.chown(path, who, -1)

        def run(*words: str) -> None:
            done = subprocess.run(words, user=who, cwd="/", capture_output=True, text=True, check=False, env=environ)
            assert done.returncode == 0, done.stderr

        environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        data = str(folder / "data")
        run(
            program("initdb"),
            "-D",
            data,
            "-U",
            made.user,
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(folder / "password"),
            "-N",
        )
        options = f"-p {made.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"

        def control(*words: str) -> None:
            run(program("pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, *words)

        control("start")
        try:
            yield replace(made, control=control)
        finally:
            control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
