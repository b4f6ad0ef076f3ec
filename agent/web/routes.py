"""Every address in one table: the router, the description and the documentation page are made of it."""

from __future__ import annotations

from agent.web import ack, api, corrections, doors, health, pages, reports, silences, slack, trials
from agent.web.face import Route

_PLAIN = "text/plain"
_LIMIT = {"limit": "How many, 1 to 1,000; 100 unless given."}
_TARGET = {"target": "Only of this target."}
_SINCE = {"since": "Only from this time on, ISO 8601 or Unix time."}
_FINGERPRINT = {"fingerprint": "Only of the alert with this fingerprint, alone or in a group."}
_REST = "{rest:(?:/.*)?}"


def _watched(path: str, what: str) -> Route:
    handler = {"/-/ready": health.ready, "/readyz": health.ready, "/livez": health.alive}.get(path, health.healthy)
    answers = {200: (f"It {what}.", _PLAIN), 503: ("It is not; the text says why.", _PLAIN)}
    if handler is health.alive:
        del answers[503]
    return Route("GET", path, handler, f"Whether the daemon {what}", answers, open=True, quiet=True)


def _errors(**said: str) -> dict[int, tuple[str, str]]:
    return {int(status.removeprefix("e")): (words, "Error") for status, words in said.items()}


_WATCHED = (
    _watched("/-/healthy", "does its work"),
    _watched("/livez", "is alive, whatever it can do"),
    _watched("/healthz", "does its work"),
    _watched("/-/ready", "has started"),
    _watched("/readyz", "has started"),
    Route("GET", "/metrics", health.metrics, "Metrics for Prometheus", {200: ("Metrics.", _PLAIN)}, quiet=True),
    Route(
        "POST",
        "/-/reload",
        health.reload,
        "Read the configuration again",
        {
            200: ("It is in force.", "Reloaded"),
            **_errors(
                e422="It can't be used; the old one stays in force.",
                e503="The database can't be used; it is in force as soon as it can.",
            ),
        },
    ),
)

_CALLED = (
    Route(
        "POST",
        f"/in/{{source}}{_REST}",
        doors.inbound,
        "Send readings to a source of type webhook",
        {
            202: ("Committed; a message with an id that was taken before takes nothing.", "Taken"),
            **_errors(
                e400="Not JSON.",
                e401="Not signed as the source asks for.",
                e404="No such source.",
                e413="Larger than 5 MB, or than the source's max_bytes.",
                e415="It says that it is not JSON.",
                e422="Rows can't be read; none was taken.",
            ),
        },
        open=True,
    ),
    *(
        Route(
            method,
            f"/ping/{{source}}{_REST}",
            doors.ping,
            "Check in: success, or /start, /fail, /log, /<exit status>; up to 10 kB of text are kept",
            {200: ("Committed.", _PLAIN), **_errors(e404="No such check-in.")},
            open=True,
            quiet=True,
        )
        for method in ("GET", "POST")
    ),
)

_LINKS = tuple(
    Route(
        method,
        "/ack/{token}",
        handler,
        summary,
        {
            200: (said, "text/html"),
            404: ("No link of this daemon, or not whole.", "text/html"),
            410: ("It was good for seven days.", "text/html"),
        },
        open=True,
        link=True,
    )
    for method, handler, summary, said in (
        ("GET", ack.look, "The page behind the link of a message; changes nothing", "What would be acknowledged."),
        ("POST", ack.take, "Acknowledge what still fires of what the message said", "It is, or it was already."),
    )
)

_SLACK = tuple(
    Route(
        "POST",
        f"/slack/{path}",
        handler,
        summary,
        {
            200: (answer, "application/json"),
            **_errors(
                e400="The body can't be read.",
                e401="Not signed by Slack, or older than five minutes.",
                e404="No signing secret is set.",
                e413="Larger than 1 MB.",
            ),
        },
        open=True,
    )
    for path, handler, summary, answer in (
        ("commands", slack.commands, "Slack's slash command, signed by Slack", "The answer, as Slack takes it."),
        ("interactive", slack.interactive, "Slack's clicks, signed by Slack", "Taken; nothing, or what Slack takes."),
        ("events", slack.events, "Slack's events, signed by Slack", "Taken; the challenge, where that is asked."),
    )
)

_KNOWN = (
    Route("GET", "/api/v1/status", api.status, "The daemon in figures", {200: ("Figures.", "Status")}),
    Route("GET", "/api/v1/targets", api.targets, "All targets", {200: ("Targets.", "Targets")}),
    Route(
        "GET",
        "/api/v1/targets/{name}",
        api.target,
        "One target with its instances",
        {200: ("The target.", "Target"), **_errors(e404="No such target.")},
    ),
    Route(
        "GET",
        "/api/v1/targets/{name}/explain",
        api.explain,
        "Why a target stands where it stands, and what comes next: its first 50 instances",
        {
            200: ("The explanation.", "Explanation"),
            **_errors(e404="No such target.", e422="A parameter can't be used."),
        },
        query={
            "at": "At this time in the past, out of stored readings; ISO 8601, UTC unless it says so, or Unix time."
        },
    ),
    Route("GET", "/api/v1/sources", api.sources, "All sources", {200: ("Sources.", "Sources")}),
    Route(
        "GET",
        "/api/v1/alerts",
        api.alerts,
        "Alerts that are pending, firing or recovering, worst first; `held` while what their target depends on is off",
        {200: ("Alerts.", "Alerts")},
    ),
    Route(
        "GET",
        "/api/v1/silences",
        silences.silences,
        "Silences that hold, will hold, or are over",
        {200: ("Silences.", "Silences")},
    ),
    Route(
        "GET",
        "/api/v1/deliveries",
        api.deliveries,
        "Messages and calls with their attempts, newest first",
        {200: ("Deliveries.", "Deliveries"), **_errors(e422="A parameter can't be used.")},
        query={**_LIMIT, **_FINGERPRINT},
    ),
    Route(
        "GET",
        "/api/v1/transitions",
        api.transitions,
        "Changes of alerts, newest first",
        {200: ("Transitions.", "Transitions"), **_errors(e422="A parameter can't be used.")},
        query={**_LIMIT, **_TARGET, **_SINCE, **_FINGERPRINT},
    ),
    Route(
        "GET",
        "/api/v1/corrections",
        corrections.corrections,
        "Runs of actions, newest first",
        {200: ("Corrections.", "Corrections"), **_errors(e422="A parameter can't be used.")},
        query={**_LIMIT, **_TARGET, **_SINCE},
    ),
    Route(
        "GET",
        "/api/v1/corrections/switch",
        corrections.switch,
        "Whether corrections are made at all",
        {200: ("The switch.", "SwitchNow")},
    ),
    Route(
        "GET",
        "/api/v1/actions",
        corrections.actions,
        "Actions, with the calls that their budgets count and how their breakers stand",
        {200: ("Actions.", "Actions")},
    ),
    Route(
        "GET",
        "/api/v1/acts",
        api.acts,
        "The audit log: what people did, newest first",
        {200: ("Acts.", "Acts"), **_errors(e422="A parameter can't be used.")},
        query={**_LIMIT, **_SINCE},
    ),
)

_DONE = (
    Route(
        "POST",
        "/api/v1/readings",
        api.push,
        "Push readings: one, or a list of up to 10,000; taken all or none",
        {
            200: ("Committed; a call with an Idempotency-Key that was taken before takes nothing.", "Taken"),
            **_errors(
                e400="Not JSON.",
                e413="Too many, or more than 5 MB.",
                e415="It says that it is not JSON.",
                e422="Readings can't be taken; details name each row.",
            ),
        },
        body="Push",
    ),
    Route(
        "POST",
        "/api/v1/alerts/{id}/ack",
        api.acknowledge,
        "Take open alerts for a person, by fingerprint, name of the alert, or target",
        {
            200: ("Taken.", "Alerts"),
            **_errors(e404="No such open alert.", e422="It does not say by whom."),
        },
        body="Acknowledge",
    ),
    Route(
        "POST",
        "/api/v1/silences",
        silences.silence,
        "Mute the alerts that all matchers match; a name alone means the target of that name",
        {200: ("It holds.", "Silenced"), **_errors(e422="It does not say what, by whom, why, or until when.")},
        body="NewSilence",
    ),
    Route(
        "DELETE",
        "/api/v1/silences/{id}",
        silences.expire,
        "End a silence now",
        {200: ("It is over.", "Silenced"), **_errors(e404="No such silence.")},
        query={"by": "Who ends it."},
    ),
    *(
        Route(
            "POST",
            f"/api/v1/corrections/{{id}}/{act}",
            handler,
            f"{act.capitalize()} a proposed correction, by its id or the first digits of its short one",
            {
                200: ("It counts, or the same was said before; words say which.", "Answered"),
                **_errors(
                    e404="No such correction.",
                    e409="Something else was decided before, or it has ended.",
                    e422="It does not say by whom.",
                ),
            },
            body=sent,
        )
        for act, handler, sent in (
            ("approve", corrections.approve, "Approve"),
            ("reject", corrections.reject, "Answer"),
        )
    ),
    Route(
        "POST",
        "/api/v1/corrections/switch",
        corrections.switch_to,
        "Switch all corrections off, so that nothing is called, or on again",
        {200: ("So it is.", "Switched"), **_errors(e422="It does not say whether on or off, or by whom.")},
        body="SwitchTo",
    ),
    Route(
        "POST",
        "/api/v1/actions/{name}/run",
        corrections.run,
        "Have an action called for an open alert, within the same bounds, and verified too",
        {
            200: ("It was begun, or one that somebody asked for is under way.", "Answered"),
            **_errors(
                e404="No such action, or no such open alert.",
                e409="A correction does that already.",
                e422="It does not say for which alert, or by whom.",
            ),
        },
        body="Run",
    ),
    Route(
        "POST",
        "/api/v1/receivers/{name}/test",
        trials.begin,
        "Send a test with a button to the Slack channels of a receiver, through the outbox",
        {
            200: ("It is in the outbox.", "Test"),
            **_errors(e404="No such receiver.", e422="It has no such channel, or no click arrives here."),
        },
        body="NewTest",
    ),
    Route(
        "GET",
        "/api/v1/receivers/{name}/test/{id}",
        trials.look,
        "How far a test of the last day got: the messages, and who clicked",
        {200: ("The test.", "Test"), **_errors(e404="No such test.")},
    ),
    Route(
        "POST",
        "/api/v1/sources/{name}/poll",
        api.poll,
        "Read a source now, besides its schedule",
        {200: ("Read and committed.", "Polled"), **_errors(e404="No such source.", e502="It can't be read.")},
    ),
)

_REPORTS = (
    Route(
        "GET",
        "/api/v1/reports",
        reports.reports,
        "The configured reports, and when each comes next",
        {200: ("Reports.", "Reports")},
    ),
    Route(
        "GET",
        "/api/v1/reports/{name}",
        reports.report,
        "A report as it would be now; its schedule is not disturbed",
        {
            200: ("The report; other formats as application/pdf, text/html, text/markdown, text/plain.", "Report"),
            **_errors(e404="No such report.", e422="There is no such format.", e500="The PDF can't be made."),
        },
        query={"format": f"One of {', '.join(reports.FORMATS)}; json unless given."},
    ),
    Route(
        "POST",
        "/api/v1/reports/{name}/send",
        reports.send,
        "Send a report as it is now to its receivers; its schedule is not disturbed",
        {
            202: ("It is queued.", "ReportSent"),
            **_errors(e400="Not JSON.", e404="No such report.", e422="It does not say by whom."),
        },
        body="SendReport",
    ),
)

_PAGES = (
    Route("GET", "/", pages.overview_page, "The status page", {200: ("The page.", "text/html")}),
    Route("GET", "/api/v1/", pages.documentation, "This documentation", {200: ("The page.", "text/html")}),
    Route(
        "GET",
        "/api/v1/openapi.json",
        pages.description,
        "The API's description in OpenAPI 3.1",
        {200: ("The description.", "application/json")},
    ),
)

TABLE: tuple[Route, ...] = (*_KNOWN, *_REPORTS, *_DONE, *_CALLED, *_LINKS, *_SLACK, *_WATCHED, *_PAGES)
