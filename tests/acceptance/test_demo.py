"""The demo as people run it: the real daemon as a process, from its start to what it leaves behind."""

import io
import json
import os
import subprocess
import sys

import pytest
from PIL import Image

SETPOINT = [sys.executable, "-c", "from agent.cli.main import main; main()"]


@pytest.mark.acceptance
@pytest.mark.timeout(120)
def test_the_demo_tells_its_story_and_ends(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("stays")
    (folder / "slack-9-old.png").write_text("goes")
    env = {**os.environ, "SETPOINT_API_KEY": "a user's own setting"}
    done = subprocess.run(
        [*SETPOINT, "demo", "--output", str(folder)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "It posted to #growth: 🟠 Unique visitors behind: ",
        "setpoint 22 °C",
        "✅ Resolved: Room temperature",
    ):
        assert said in done.stdout
    left = {path.name for path in folder.iterdir()}
    assert {"mine.txt", "setpoint.yaml", "messages.json", "slack-1-growth.png", "slack-2-facilities.png"} <= left
    assert "slack-9-old.png" not in left
    growth, facilities, reply = json.loads((folder / "messages.json").read_text(encoding="utf-8"))
    assert growth["channel"] == "growth"
    assert facilities["text"].startswith("✅")
    assert "verified" in json.dumps(facilities["blocks"])
    assert any(before["text"].startswith("🔴") for before in facilities["before"])
    assert reply["thread_ts"] == facilities["ts"]
    assert reply["text"].startswith("✔️ Correction set-thermostat verified")
    for name in ("chart-1-growth.png", "chart-2-facilities.png"):
        assert Image.open(io.BytesIO((folder / name).read_bytes())).size == (1600, 800)


@pytest.mark.acceptance
def test_a_demo_that_cannot_go_on_says_why(tmp_path):
    """A broken daemon: the demo ends with a plain reason and the end of the daemon's log."""
    program = (
        "import sys, agent.demo.daemon as daemon\n"
        "daemon.COMMAND = (sys.executable, '-c', 'print(\"out of luck\"); raise SystemExit(3)')\n"
        "from agent.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "The demo failed: the daemon ended by itself with exit status 3" in done.stderr
    assert "out of luck" in done.stderr
