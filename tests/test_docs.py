"""What is written is true: every configuration loads, every command runs as shown, every link leads somewhere."""

import fnmatch
import http.server
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agent.config.load import load
from agent.demo.daemon import free_port
from agent.testing import language
from agent.testing.playing import failures_of
from agent.testing.reading import read_tests

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
GUIDES = sorted(ROOT.glob("docs/how-to/*.md"))
EXAMPLES = sorted(ROOT.glob("examples/*.yaml"))
BIN = Path(sys.executable).parent
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENVIRON = {
    "CHAT_TOKEN": "token",
    "GATEWAY_TOKEN": "token",
    "DISCORD_HOOK": "4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "HEARTBEAT_URL": "https://beat.example.com/1",
    "HOOK_SECRET": "secret",
    "HVAC_SECRET": "secret",
    "MQTT_PASSWORD": "secret",
    "ONCALL_URL": "https://oncall.example.com/hook",
    "PAGERDUTY_KEY": "key",
    "PROXY_PASSWORD": "secret",
    "PUSH_SECRET": "secret",
    "SHOP_DB": "sqlite:///shop.db",
    "STOCK_PASSWORD": "secret",
    "TEAMS_URL": "https://teams.example.com/workflows/1",
    "TELEGRAM_CHAT": "12345",
    "TELEGRAM_TOKEN": "123456789:abcdefg_hijklmnop",
    "TWILIO_FROM": "15551234567",
    "TWILIO_SID": f"AC{'1' * 32}",
    "TWILIO_TOKEN": "a" * 32,
}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(path: Path) -> list[tuple[str, str]]:
    return FENCE.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", EXAMPLES, ids=place)
def test_every_example_loads_and_is_listed(path):
    assert load(path, ENVIRON).targets
    assert f"`{path.name}`" in (ROOT / "examples/README.md").read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{([A-Z_]+)\}", text))
    assert named <= set(re.findall(r"[A-Z_]{4,}", text.partition("sources:")[0])), "the comment at the top names them"


@pytest.mark.parametrize("path", GUIDES, ids=place)
def test_the_configuration_of_every_guide_loads(path, tmp_path):
    """The pieces of a page are one directory of files."""
    pieces = [text for kind, text in fences(path) if kind == "yaml"]
    for number, text in enumerate(pieces):
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    assert pieces
    assert load(tmp_path, ENVIRON).files


@pytest.mark.parametrize("path", [path for path in GUIDES if "yml" in dict(fences(path))], ids=place)
def test_the_test_files_of_a_guide_pass(path, tmp_path):
    """A page's `yaml` are the files of the configuration, its `yml` are test files of it."""
    pieces = [text for kind, text in fences(path) if kind == "yaml"]
    (tmp_path / "setpoint.yaml").mkdir()
    for number, text in enumerate(pieces):
        (tmp_path / f"setpoint.yaml/{number}.yaml").write_text(text, encoding="utf-8")
    for number, text in enumerate(text for kind, text in fences(path) if kind == "yml"):
        (tmp_path / f"{number}.yml").write_text(text, encoding="utf-8")
        file = read_tests(tmp_path / f"{number}.yml", ENVIRON)
        assert [failures_of(file, index) for index, _ in enumerate(file.tests)] == [[] for _ in file.tests]


def test_the_guide_names_every_key_of_a_test_file():
    said = (ROOT / "docs/how-to/testing.md").read_text(encoding="utf-8")
    for model in vars(language).values():
        for name, field in getattr(model, "model_fields", {}).items():
            assert f"{field.alias or name}" in said, f"{model.__name__}.{name}"


class Walk:
    """A reader who does what a page says, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemon: subprocess.Popen[bytes] | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SETPOINT_")}
        listen = f"127.0.0.1:{free_port()}"
        self.env = {**kept, "PATH": f"{BIN}:{os.environ['PATH']}", "SETPOINT_LISTEN": listen, "COLUMNS": "200"}

    def shell(self, text: str) -> None:
        done = subprocess.run(
            ["bash", "-ec", text], check=False, cwd=self.folder, env=self.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def console(self, text: str) -> None:
        for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = session.partition("\n")
            if command == "setpoint run":
                self.start()
            else:
                self.expect(command, shown)

    def expect(self, command: str, shown: str) -> None:
        """Runs until the output fits: a daemon may need a moment to see what was changed."""
        end = time.monotonic() + 20
        while True:
            done = subprocess.run(
                ["bash", "-c", command], check=False, cwd=self.folder, env=self.env, capture_output=True, text=True
            )
            wanted = "\n".join(line.rstrip() for line in shown.splitlines()).replace("[", "[[]").replace("…", "*")
            said = "\n".join(line.rstrip() for line in done.stdout.splitlines())
            if done.returncode == 0 and (not wanted or fnmatch.fnmatchcase(said, wanted)):
                return
            assert time.monotonic() < end, f"$ {command}\n{done.stdout}{done.stderr}"

    def start(self) -> None:
        with (self.folder / "told.txt").open("w") as told, (self.folder / "log.txt").open("w") as log:
            self.daemon = subprocess.Popen(["setpoint", "run"], cwd=self.folder, env=self.env, stdout=told, stderr=log)
        self.expect("setpoint status --json", "")

    def told(self, pattern: str) -> None:
        end = time.monotonic() + 20
        while not re.search(pattern, (self.folder / "told.txt").read_text(encoding="utf-8")):
            assert time.monotonic() < end, (self.folder / "told.txt").read_text(encoding="utf-8")
            os.sched_yield()

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.terminate()
            assert self.daemon.wait(timeout=15) == 0


@pytest.fixture
def walk(tmp_path) -> Iterator[Walk]:
    walk = Walk(tmp_path)
    yield walk
    walk.stop()


def follow(path: Path, walk: Walk) -> None:
    for kind, text in fences(path):
        if kind == "yaml":
            (walk.folder / "setpoint.yaml").write_text(text, encoding="utf-8")
        elif kind == "console":
            walk.console(text)
        elif kind == "sh" and not text.startswith("make "):
            walk.shell(text)


@pytest.mark.timeout(120)
def test_the_readme_can_be_followed(walk):
    follow(ROOT / "README.md", walk)
    walk.told("FIRING Sales missed: 2,835 of 3,500 €")


@pytest.mark.timeout(120)
def test_the_tutorial_can_be_followed(walk):
    follow(ROOT / "docs/tutorial.md", walk)
    walk.told("FIRING Sales missed: 2,835 of 3,500 €")
    walk.told("RESOLVED Sales back, met: 2,835 of 2,500 €")


@pytest.mark.parametrize("path", PAGES, ids=place)
def test_links_commands_and_names_exist(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target
    commands = set(re.findall(r"^\.PHONY: ([a-z-]+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= commands
    known = "".join((ROOT / "docs/reference" / name).read_text() for name in ("metrics.md", "settings.md", "cli.md"))
    known += (ROOT / "connectors/actions/command.py").read_text(encoding="utf-8")  # what it tells a program
    for name in re.findall(r"\bsetpoint_\w+|\bSETPOINT_\w+", text):
        assert name.removesuffix("_FILE") in known or name.endswith("_"), name


@pytest.mark.parametrize("path", PAGES, ids=place)
def test_commands_named_in_a_text_exist(path):
    reference = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    for name in re.findall(r"(?:`|\$ )setpoint ([a-z][a-z-]+)", path.read_text(encoding="utf-8")):
        assert f"## `setpoint {name}`" in reference, name


@pytest.mark.timeout(120)
def test_the_reference_is_current():
    done = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_of_the_image_exists():
    settings = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    for file in ("Dockerfile", "compose.yaml", "compose.postgresql.yaml"):
        for name in re.findall(r"SETPOINT_\w+", (ROOT / file).read_text(encoding="utf-8")):
            assert f"`{name}`" in settings


@pytest.mark.parametrize("status", [200, 503])
def test_the_health_check_of_the_image_asks_the_daemon(status):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    line = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    program = yaml.safe_load(line[1])
    env = {**os.environ, "SETPOINT_LISTEN": f"0.0.0.0:{server.server_port}", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, *program[1:]], env=env, check=False)
    thread.join()
    server.server_close()
    assert asked == ["/-/healthy"]
    assert (done.returncode == 0) == (status == 200)


def test_the_image_takes_what_it_is_built_from():
    given = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert sorted(name for line in copied for name in line.split()) == sorted(given)
    assert all((ROOT / name).exists() for name in given)


def test_the_locks_hold_hashes_and_no_address():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|file:/|^-", text, re.MULTILINE)
        pins = re.findall(r"^[\w.-]+==\S+ \\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(pins) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 30


def test_the_locks_have_what_the_project_asks_for():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(wanted: list[str]) -> set[str]:
        return {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in wanted}

    def pinned(file: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+)==", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))

    assert names(project["dependencies"]) <= pinned("requirements.lock")
    assert names(project["optional-dependencies"]["dev"]) <= pinned("requirements-dev.lock")
    assert pinned("requirements.lock") <= pinned("requirements-dev.lock")
