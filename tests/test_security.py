"""What `docs/security.md` says is true: each claim names a test that there is, and the container's two files."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/security.md"
NAMED = re.compile(r"`((?:[a-z_]+/)*test_\w+\.py)(?:::(\w+))?`")
CLAIMS = NAMED.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "function"), CLAIMS)
def test_each_claim_names_a_test_that_there_is(file: str, function: str):
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert function in found if function else any(name.startswith("test_") for name in found)


def test_no_row_of_the_page_claims_without_a_test():
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "|---" not in line
    ]
    heads = [row for row in rows if row.endswith("| held by |")]
    assert len(heads) >= 2
    assert [row for row in rows if row not in heads and not NAMED.search(row.split("|")[-2])] == []


@pytest.fixture
def service() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["setpoint"]


def test_the_container_has_no_rights_that_it_does_not_need(service: dict[str, Any]):
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert 0 < service["pids_limit"] <= 512
    (tmp,) = service["tmpfs"]
    assert tmp.startswith("/tmp:")
    assert {"noexec", "nosuid", "nodev"} <= set(tmp.partition(":")[2].split(","))
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert sorted(service["volumes"]) == ["./config:/config:ro", "data:/data"]
    assert "${SETPOINT_API_KEY:?" in service["environment"]["SETPOINT_API_KEY"]


def test_the_image_runs_as_an_ordinary_user_and_writes_to_its_volume_only():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    last = max(place for place, line in enumerate(lines) if line.startswith("FROM "))
    final = lines[last:]
    users = [line for line in final if line.startswith("USER ")]
    assert users == ["USER 10001:10001"]
    after = final[final.index(users[0]) :]
    assert not [line for line in after if line.startswith(("RUN ", "COPY ", "ADD "))]
    assert not [line for line in final if line.startswith("ADD ") or "setuid" in line or "sudo" in line]
    made = "\n".join(final)
    written = re.findall(r"(?:MPLCONFIGDIR=|DATABASE_URL=sqlite:///|--home-dir )(/[\w./]+)", made)
    assert len(written) == 3
    assert all(path == "/data" or path.startswith("/data/") for path in written)
    assert "PYTHONDONTWRITEBYTECODE=1" in made
    assert "SECRET" not in made.upper().replace("SECRETS", "")
    assert "TOKEN" not in made.upper()
