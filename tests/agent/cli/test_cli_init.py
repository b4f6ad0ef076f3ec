import signal


def test_what_it_writes_passes_check_and_runs_at_once(setpoint, project, daemons):
    said = setpoint("init", "mine")
    assert said.status == 0
    assert "cd mine" in said.out
    assert {path.name for path in (project / "mine").iterdir()} == {"setpoint.yaml", "visitors.csv"}
    assert setpoint("check", "mine/setpoint.yaml").status == 0
    daemon = daemons(project / "mine").ready()
    polled = setpoint("poll", "website", "--url", daemon.url, "--json")
    assert polled.json["readings"] == 45
    shown = setpoint("status", "--url", daemon.url, "--json").json
    assert {target["name"]: len(target["instances"]) for target in shown["targets"]} == {
        "monthly-visitors": 1,
        "daily-visitors": 1,
        "nightly-backup": 1,
    }
    assert daemon.end(signal.SIGTERM) == 0


def test_never_overwrites_unless_told(setpoint, project):
    (project / "setpoint.yaml").write_text("# mine\n")
    said = setpoint("init")
    assert said.status == 2
    assert said.err == "Error: setpoint.yaml is there already; --force overwrites\n"
    assert (project / "setpoint.yaml").read_text() == "# mine\n"
    assert not (project / "visitors.csv").exists()
    assert setpoint("init", "--force").status == 0
    assert "sources:" in (project / "setpoint.yaml").read_text()


def test_a_place_that_can_not_be_written(setpoint, project):
    (project / "file").write_text("")
    said = setpoint("init", "file/below")
    assert said.status == 1
    assert said.err == "Error: can't write file/below: not a directory\n"
