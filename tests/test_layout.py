"""The shape of the source: who may import whom, where a library may be used, and how large things may grow."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.databases import database_of
from connectors import registry

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for name in ("agent", "connectors", "rules") for path in ROOT.glob(f"{name}/**/*.py"))
SHIPPED = [path for path in SOURCES if "migrations" not in path.parts]

# Where each library of weight may be imported; a folder ends with a slash.
PLACES = {
    "alembic": {"agent/store/migrate.py", "agent/store/migrations/"},
    "apprise": {"connectors/apprise_services.py"},
    "apscheduler": {"agent/scheduler.py"},
    "sqlalchemy": {"agent/store/", "connectors/actions/sql.py", "connectors/database.py", "connectors/sources/sql.py"},
    "matplotlib": {"agent/charts/draw.py", "agent/charts/sheet.py"},
    "PIL": {"agent/demo/picture.py"},
    "reportlab": {"agent/reports/fonts.py", "agent/reports/pdf.py"},
    "slack_sdk": {
        "connectors/notifiers/slack.py",
        "connectors/slack_api.py",
        "agent/slack/signature.py",
        "agent/slack/socket.py",
    },
    "httpx": {"connectors/http.py"},
    "httpx_aiohttp": {"connectors/http.py"},
    "aiosmtplib": {"connectors/notifiers/email.py"},
    "aiohttp.web": {"agent/web/", "agent/demo/"},
    "prometheus_client": {"agent/metrics.py", "agent/web/"},
    "jinja2": {
        "agent/web/pages.py",
        "connectors/mail_message.py",
        "connectors/report_message.py",
        "connectors/template.py",
    },
    "sqlite3": {"agent/store/", "connectors/database.py"},
    "asyncpg": {"agent/store/postgres"},
    "paho": {"connectors/actions/mqtt.py"},
}
# What decides may use beside itself: nothing that waits, asks for the time, talks or writes.
RULES_MAY_USE = {
    "__future__", "array", "ast", "bisect", "collections", "cronsim", "dataclasses", "datetime", "difflib", "enum",
    "functools", "hashlib", "heapq", "itertools", "math", "operator", "re", "simple_pid", "statistics", "typing", "zoneinfo",
}  # fmt: skip
CLOCKS = {
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "monotonic_ns"), ("time", "perf_counter"),
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
}  # fmt: skip


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    return place(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Every name a file imports, anywhere in it: `a.b` of `import a.b`, `a.b.c` of `from a.b import c`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)}:{node.lineno} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_there_is_something_to_look_at():
    assert {"agent/clock.py", "connectors/registry.py", "rules/model/__init__.py"} <= {place(path) for path in SOURCES}


def test_agent_imports_connectors_imports_rules():
    wrong = []
    for path in SOURCES:
        own = place(path).partition("/")[0]
        for name in imports(path):
            if own != "agent" and under(name, "agent"):
                wrong.append(f"{place(path)} imports {name}")
            if own == "rules" and under(name, "connectors"):
                wrong.append(f"{place(path)} imports {name}")
            if own == "connectors" and under(name, "rules") and not under(name, "rules.model"):
                wrong.append(f"{place(path)} imports {name}")
    assert wrong == []


def test_rules_use_nothing_that_waits_talks_or_remembers():
    wrong = [
        f"{place(path)} imports {name}"
        for path in SOURCES
        if place(path).startswith("rules/")
        for name in imports(path)
        if name.partition(".")[0] not in RULES_MAY_USE | {"rules"}
    ]
    assert wrong == []


def test_one_connector_never_imports_another():
    kinds = {module(path): path for role in registry.BUILT_IN for path in ROOT.glob(f"connectors/{role}/*.py")}
    wrong = [
        f"{name} imports {other}"
        for name, path in kinds.items()
        for other in imports(path)
        if any(under(other, kind) and kind != name for kind in kinds if kind.count(".") == 2)
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(PLACES))
def test_a_library_of_weight_is_imported_in_its_place_only(library):
    users = {place(path) for path in SOURCES for name in imports(path) if under(name, library)}
    places = tuple(PLACES[library])
    assert [user for user in sorted(users) if not user.startswith(places)] == []


def test_nobody_but_the_clock_asks_what_time_it_is():
    asked = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute):
                continue
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if (owner, node.attr) in CLOCKS:
                asked.append(f"{place(path)}:{node.lineno}")
        asked += [f"{place(path)} imports {name}" for name in imports(path) if tuple(name.split(".")) in CLOCKS]
    assert {entry.partition(":")[0] for entry in asked} == {"agent/clock.py"}


@pytest.mark.parametrize("role", registry.BUILT_IN)
def test_the_registry_is_the_folder(role):
    files = {path.stem for path in ROOT.glob(f"connectors/{role}/*.py")} - {"__init__"}
    assert set(registry.BUILT_IN[role]) == files
    for kind, target in registry.BUILT_IN[role].items():
        assert target.partition(":")[0] == f"connectors.{role}.{kind}"
        assert registry.load(role, kind).Config.model_fields["type"].annotation.__args__ == (kind,)


@pytest.mark.timeout(400)
def test_every_module_imports_alone_without_a_warning():
    """A fresh process imports what others wrote, then one fork for each module of ours imports just that."""
    program = """
import os, sys, traceback, warnings
import aiohttp.web, httpx, orjson, pydantic_settings, sqlalchemy.ext.asyncio, slack_sdk.web.async_client, structlog
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            warnings.simplefilter("error")
            __import__(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
print("failed:", failed)
"""
    names = [module(path) for path in SHIPPED]
    done = subprocess.run(
        [sys.executable, "-c", program, *names], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout.strip() == "failed: []", done.stderr


def loaded(statement: str) -> set[str]:
    """The packages from elsewhere that a fresh process has after a statement."""
    program = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=clean)
    return set(done.stdout.split())


def test_help_loads_next_to_nothing():
    heavy = {*(name.partition(".")[0] for name in PLACES), "aiohttp", "numpy", "pydantic", "yaml", "asyncio"}
    assert loaded("import agent.cli.main") & heavy == set()


def test_a_test_that_asks_for_verdicts_alone_loads_no_daemon(tmp_path):
    """Its start is a third of what a month of minutes takes."""
    (tmp_path / "test.yaml").write_text(
        "sources: {s: {type: file, path: a.csv, readings: [{series: a, value: a}]}}\n"
        "targets: {t: {series: a, goal: {at_most: 1}, alerts: [{name: out, when: out_of_band}]}}\n"
        "tests: [{input_series: [{series: a, values: '0 1'}], alert_rule_test: [{eval_time: 1m, alertname: out}]}]\n"
    )
    run = f"from agent.cli.test import command; command(['{tmp_path}/test.yaml'], standalone_mode=False)"
    heavy = {*(name.partition(".")[0] for name in PLACES if name != "pydantic"), "aiohttp", "numpy", "asyncio"}
    assert loaded(run) & (heavy - {"orjson"}) == set()


def test_a_test_that_expects_deliveries_loads_nothing_that_runs(tmp_path):
    """The decisions are all that it needs of the daemon."""
    (tmp_path / "test.yaml").write_text(
        "sources: {s: {type: file, path: a.csv, readings: [{series: a, value: a}]}}\n"
        "targets: {t: {series: a, goal: {at_most: 1}, alerts: [{name: out, when: out_of_band}]}}\n"
        "tests: [{input_series: [{series: a, values: '0 1'}], delivery_test: [{eval_time: 1m, receiver: console}]}]\n"
        "receivers: {console: [{type: console}]}\n"
    )
    run = f"from agent.cli.test import command; command(['{tmp_path}/test.yaml'], standalone_mode=False)"
    assert loaded(run) & {"structlog", "sqlalchemy", "asyncio"} == set()


def test_a_daemon_starts_without_what_it_may_never_need(tmp_path):
    (tmp_path / "setpoint.yaml").write_text("sources: {s: {type: webhook, readings: [{series: a, value: a}]}}\n")
    given = {"config": str(tmp_path), "database_url": f"sqlite:///{tmp_path}/setpoint.db", "listen": "127.0.0.1:0"}
    database_of(given["database_url"]).migrate(0)
    start = f"daemon = Setpoint(read_settings(**{given}), {{}}); await daemon.start(); await daemon.stop()"
    program = "import asyncio; from agent.app import Setpoint; from agent.settings import read_settings"
    found = loaded(f"{program}\nasync def main():\n    {start}\nasyncio.run(main())")
    late = {"alembic", "matplotlib", "numpy", "PIL", "slack_sdk", "aiosmtplib", "apprise", "jinja2", "reportlab"}
    assert found & {*late, "sqlalchemy"} == set()
    assert "aiohttp" in found


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_files_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "migrations" not in path.parts:
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            assert len([one for one in arguments if one.arg not in {"self", "cls"}]) <= 7, node.name
            assert node.end_lineno - node.lineno < 40, node.name
