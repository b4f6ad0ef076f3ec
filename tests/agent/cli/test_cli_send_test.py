import http.server
import json
import threading

import pytest


@pytest.fixture
def sink():
    """A web server that takes calls to /good and refuses those to other addresses."""
    taken = []

    class Sink(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, json.loads(body)))
            self.send_response(204 if self.path == "/good" else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def receivers(project, sink):
    url, taken = sink
    (project / "setpoint.yaml").write_text(
        "receivers:\n"
        f"  team: [{{type: webhook, url: '{url}/good'}}, {{type: console}}]\n"
        f"  oncall: [{{type: webhook, url: '{url}/refused-token-1234'}}, {{type: webhook, url: '{url}/good'}}]\n"
    )
    return taken


def test_every_notifier_is_sent_a_real_notice(setpoint, receivers):
    said = setpoint("send-test", "team")
    assert (said.status, said.err) == (0, "")
    assert "team[0] webhook: sent" in said.out
    assert "team[1] console: sent" in said.out
    assert "TEST This is a test of receiver team; nothing is wrong" in said.out
    ((path, body),) = receivers
    assert (path, body["reason"], body["receiver"], body["version"]) == ("/good", "test", "team", "4")


def test_one_that_fails_keeps_no_other_from_it(setpoint, receivers):
    said = setpoint("send-test", "oncall", "--json")
    assert said.status == 1
    first, second = said.json["notifiers"]
    assert "403" in first["error"]
    assert second["error"] is None
    assert [path for path, _ in receivers] == ["/refused-token-1234", "/good"]
    shown = setpoint("send-test", "oncall")
    assert shown.status == 1
    assert shown.err.startswith("oncall[0] webhook: failed: ")
    assert shown.out == "oncall[1] webhook: sent\n"
    assert "token-1234" not in said.out + shown.err


def test_slack_says_which_way_it_went(setpoint, project, sink, monkeypatch):
    url, _ = sink
    hook = f"{url}/good"
    (project / "setpoint.yaml").write_text(
        f"receivers:\n  team: [{{type: slack, url: '{hook}'}}, {{type: slack, channel: '#growth'}}]\n"
    )
    monkeypatch.setenv("SETPOINT_SLACK_BOT_TOKEN", "xoxb-hunter2")
    monkeypatch.setenv("SETPOINT_SLACK_API_URL", url)
    said = setpoint("send-test", "team")
    assert said.out == "team[0] slack: sent through an incoming webhook: no buttons, no chart, no edits\n"
    assert said.err.startswith("team[1] slack: failed: ")
    first, second = setpoint("send-test", "team", "--json").json["notifiers"]
    assert first["way"].startswith("through an incoming webhook")
    assert second["way"].startswith("with a bot token: edits and charts, no buttons, as neither SETPOINT_")


@pytest.mark.usefixtures("receivers")
def test_a_receiver_that_is_not_there(setpoint):
    said = setpoint("send-test", "oncal")
    assert (said.status, said.err) == (2, "Error: there is no receiver 'oncal'; did you mean oncall?\n")


def test_a_configuration_with_mistakes(setpoint, project):
    (project / "setpoint.yaml").write_text("nonsense: 1\n")
    said = setpoint("send-test", "console")
    assert said.status == 2
    assert said.err.startswith("setpoint.yaml:1:1: nonsense: unknown key")
