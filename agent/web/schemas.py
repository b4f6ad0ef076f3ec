"""The shapes of what the API takes and gives, as JSON Schema for its description. A test holds real answers to them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": ["number", "null"]}
YES: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}


def maybe(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def some(name: str) -> Schema:
    """A list of a named shape."""
    return {"type": "array", "items": ref(name)}


def ref(name: str) -> Schema:
    """A named shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def shape(*, optional: tuple[str, ...] = (), **fields: Schema) -> Schema:
    """An object that has just these keys, all of them but the optional ones always."""
    required = [name for name in fields if name not in optional]
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def counts(*names: str) -> Schema:
    """How many there are of each."""
    return shape(optional=(), **dict.fromkeys(names, COUNT))


STANDINGS = ("no_data", "too_early", "on_track", "behind", "met", "missed", "in_band", "out_of_band")
STATES = ("inactive", "pending", "firing", "recovering")
OPEN_STATES = (*STATES[1:], "held")
MUTED_BY = ("silence", "inhibition", "interval", "dependency")
HEALTH = ("unknown", "up", "down")

SCHEMAS: dict[str, Schema] = {
    "Error": shape(
        error=shape(code=TEXT, message=TEXT, details={"type": "array", "items": TEXT}, optional=("details",))
    ),
    "Status": shape(
        version=TEXT,
        time=TIME,
        uptime_seconds={"type": "number"},
        healthy=YES,
        ready=YES,
        problems={"type": "array", "items": TEXT},
        targets=COUNT,
        instances=COUNT,
        standings=counts(*STANDINGS),
        alerts=counts(*OPEN_STATES),
        sources=counts(*HEALTH),
        corrections=COUNT,
        corrections_on=YES,
        breakers_open={"type": "array", "items": TEXT},
        outbox=maybe(shape(depth=COUNT, oldest=maybe(TIME))),
        failing_receivers=some("FailingReceiver"),
    ),
    "FailingReceiver": shape(name=TEXT, position=COUNT, type=TEXT, since=TIME, error=TEXT),
    "InstanceAlert": shape(
        name=TEXT,
        state={"enum": list(STATES)},
        since=maybe(TIME),
        fired_at=maybe(TIME),
        fingerprint=TEXT,
        acknowledged=maybe(shape(by=TEXT, at=TIME, note=TEXT)),
        flapping_since=maybe(TIME),
        escalation_steps_done=COUNT,
    ),
    "Instance": shape(
        labels=LABELS,
        standing={"enum": list(STANDINGS)},
        held_by=maybe(TEXT),
        since=TIME,
        headline=TEXT,
        description=TEXT,
        value=NUMBER,
        time=maybe(TIME),
        goal=shape(at_least=NUMBER, at_most=NUMBER),
        progress=NUMBER,
        expected=NUMBER,
        pace=NUMBER,
        required_rate=NUMBER,
        projection=maybe(shape(value={"type": "number"}, low=NUMBER, high=NUMBER, chance=NUMBER)),
        period=maybe(shape(start=TIME, end=maybe(TIME))),
        due=maybe(TIME),
        inputs=LABELS,
        reason=TEXT,
        alerts=some("InstanceAlert"),
    ),
    "Target": shape(
        name=TEXT,
        title=TEXT,
        goal=TEXT,
        measure=maybe(TEXT),
        unit=TEXT,
        timezone=TEXT,
        depends_on={"type": "array", "items": TEXT},
        instances=some("Instance"),
    ),
    "Targets": shape(targets=some("Target")),
    "ExplainedAlert": shape(
        name=TEXT,
        when=TEXT,
        for_seconds={"type": "number"},
        keep_firing_for_seconds={"type": "number"},
        severity=TEXT,
        before={"enum": list(STATES)},
        state={"enum": list(STATES)},
        since=maybe(TIME),
        fired_at=maybe(TIME),
        acknowledged_by=maybe(TEXT),
        since_before=YES,
        fired_before=YES,
        waits=TEXT,
        receivers={"type": "array", "items": TEXT},
        told={"type": "array", "items": TEXT},
        way={"type": "array", "items": TEXT},
        muted=maybe(TEXT),
    ),
    "ExplainedInstance": shape(
        labels=LABELS,
        standing={"enum": list(STANDINGS)},
        standing_before=maybe({"enum": list(STANDINGS)}),
        since=TIME,
        since_before=YES,
        description=TEXT,
        inputs={
            "type": "array",
            "items": shape(series=TEXT, value=NUMBER, time=TIME, age_seconds={"type": "number"}, readings=COUNT),
        },
        steps={"type": "array", "items": shape(text=TEXT, value={"type": ["number", "boolean", "null"]})},
        sources={
            "type": "array",
            "items": shape(name=TEXT, health={"enum": list(HEALTH)}, last_success=maybe(TIME), last_error=maybe(TEXT)),
        },
        alerts=some("ExplainedAlert"),
        missing={"type": "array", "items": TEXT},
        corrections={"type": "array", "items": TEXT},
        changes=some("Transition"),
        next={"type": "array", "items": shape(at=TIME, what=TEXT)},
        next_look=maybe(TIME),
    ),
    "Explanation": shape(
        target=TEXT,
        title=TEXT,
        goal=TEXT,
        unit=TEXT,
        timezone=TEXT,
        at=TIME,
        instances=some("ExplainedInstance"),
    ),
    "Source": shape(
        name=TEXT,
        type=TEXT,
        schedule=TEXT,
        polled=YES,
        series={"type": "array", "items": TEXT},
        health={"enum": list(HEALTH)},
        since=maybe(TIME),
        failures=COUNT,
        last_success=maybe(TIME),
        last_error=maybe(TEXT),
        next_poll=maybe(TIME),
    ),
    "Sources": shape(sources=some("Source")),
    "Alert": shape(
        fingerprint=TEXT,
        name=TEXT,
        target=maybe(TEXT),
        instance=LABELS,
        labels=LABELS,
        state={"enum": list(OPEN_STATES)},
        headline=TEXT,
        since=TIME,
        fired_at=maybe(TIME),
        acknowledged_by=maybe(TEXT),
        muted=maybe(shape(by={"enum": list(MUTED_BY)}, words=TEXT)),
    ),
    "Alerts": shape(alerts=some("Alert")),
    "Acknowledge": shape(by=TEXT, note=TEXT, optional=("note",)),
    "Silence": shape(
        id=TEXT,
        matchers=TEXT,
        by=TEXT,
        reason=TEXT,
        starts=TIME,
        ends=TIME,
        created=TIME,
        state={"enum": ["pending", "active", "expired"]},
    ),
    "Silences": shape(silences=some("Silence")),
    "Silenced": shape(silence=ref("Silence")),
    "NewSilence": shape(
        matchers={"type": "array", "items": TEXT, "minItems": 1},
        by=TEXT,
        reason=TEXT,
        **{"for": TEXT},
        starts=TEXT,
        ends=TEXT,
        optional=("for", "starts", "ends"),
    ),
    "Test": shape(
        test=shape(
            id=TEXT,
            receiver=TEXT,
            begun=TIME,
            messages={
                "type": "array",
                "items": shape(
                    channel=TEXT,
                    state={"enum": ["queued", "sent", "failed"]},
                    attempts=COUNT,
                    sent=maybe(TIME),
                    error=maybe(TEXT),
                ),
            },
            click=maybe(shape(at=TIME, by=TEXT, id=TEXT, way={"enum": ["Socket Mode", "signed calls"]})),
            ways_in={"type": "array", "items": {"enum": ["Socket Mode", "signed calls"]}},
            problem=maybe(TEXT),
        )
    ),
    "NewTest": shape(by=TEXT, optional=("by",)),
    "Acts": shape(
        acts={
            "type": "array",
            "items": shape(at=TIME, by=TEXT, via=TEXT, id=TEXT, act=TEXT, subject=TEXT, note=TEXT),
        }
    ),
    "Reading": shape(series=TEXT, labels=LABELS, time=TIME, value=NUMBER),
    "NewReading": shape(
        series=TEXT,
        labels={"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
        time={"type": ["string", "number"], "description": "ISO 8601 (UTC unless it says so) or Unix time; else now"},
        value={"type": ["number", "string", "null"]},
        optional=("labels", "time"),
    ),
    "Push": {"oneOf": [ref("NewReading"), some("NewReading")]},
    "Taken": shape(optional=("repeated",), readings=COUNT, repeated=YES),
    "Polled": shape(source=TEXT, readings=COUNT, sample=some("Reading")),
    "Reloaded": shape(reloaded=YES),
    "Attempt": shape(number=COUNT, at=TIME, took_seconds={"type": "number"}, error=maybe(TEXT), permanent=YES),
    "Delivery": shape(
        id=COUNT,
        key=TEXT,
        kind={"enum": ["notice", "call", "report"]},
        receiver=TEXT,
        position=COUNT,
        state={"enum": ["queued", "sent", "failed", "superseded", "withheld"]},
        created=TIME,
        next_at=maybe(TIME),
        error=maybe(TEXT),
        about=LABELS,
        attempts=some("Attempt"),
    ),
    "Deliveries": shape(deliveries=some("Delivery")),
    "Transition": shape(
        id=TEXT,
        at=TIME,
        target=maybe(TEXT),
        instance=LABELS,
        alert=TEXT,
        fingerprint=TEXT,
        episode=COUNT,
        event=TEXT,
        before={"enum": list(STATES)},
        after={"enum": list(STATES)},
        labels=LABELS,
        fired_at=maybe(TIME),
        detail=TEXT,
    ),
    "Transitions": shape(transitions=some("Transition")),
    "Correction": shape(
        id=TEXT,
        target=TEXT,
        instance=LABELS,
        alert=TEXT,
        fingerprint=TEXT,
        short=TEXT,
        action=TEXT,
        state=TEXT,
        attempt=COUNT,
        created=TIME,
        updated=TIME,
        called_at=maybe(TIME),
        deadline=maybe(TIME),
        not_before=maybe(TIME),
        detail=TEXT,
        words=TEXT,
        outcome=maybe({"enum": ["verified", "failed", "escalated", "skipped", "undone", "dry run"]}),
        expires=maybe(TIME),
        approval=maybe(shape(by=TEXT, at=TIME, note=TEXT, given=YES)),
        by_hand=YES,
        waits_for=maybe(TEXT),
        output={"type": ["string", "number", "boolean", "array", "object", "null"]},
        before=maybe(ref("Numbers")),
        after=maybe(ref("Numbers")),
        undoes=maybe(TEXT),
        undone_by=maybe(TEXT),
    ),
    "Numbers": shape(at=TIME, standing={"enum": list(STANDINGS)}, value=NUMBER, time=maybe(TIME), inputs=LABELS),
    "Corrections": shape(corrections=some("Correction")),
    "Answer": shape(by=TEXT, note=TEXT, optional=("note",)),
    "Approve": shape(by=TEXT, note=TEXT, seen=TIME, optional=("note", "seen")),
    "Answered": shape(correction=ref("Correction"), changed=YES, words=TEXT),
    "Run": shape(alert=TEXT, by=TEXT, note=TEXT, optional=("note",)),
    "Switch": shape(on=YES, by=TEXT, at=maybe(TIME), note=TEXT),
    "SwitchNow": shape(switch=ref("Switch")),
    "SwitchTo": shape(on=YES, by=TEXT, note=TEXT, optional=("note",)),
    "Switched": shape(switch=ref("Switch"), changed=YES),
    "Action": shape(
        name=TEXT,
        type=TEXT,
        budget=maybe(shape(calls=COUNT, seconds=COUNT)),
        calls=COUNT,
        breaker=shape(state={"enum": ["closed", "open", "trying"]}, failures=COUNT, until=maybe(TIME)),
    ),
    "Actions": shape(actions=some("Action")),
    "ConfiguredReport": shape(
        name=TEXT,
        title=TEXT,
        cron=TEXT,
        timezone=TEXT,
        targets={"type": "array", "items": TEXT},
        to={"type": "array", "items": TEXT},
        format={"enum": ["chart", "pdf"]},
        next=TIME,
        last=maybe(shape(scheduled=TIME, made=TIME)),
    ),
    "Reports": shape(reports=some("ConfiguredReport")),
    "ReportInstance": shape(
        target=TEXT,
        labels=LABELS,
        title=TEXT,
        standing={"enum": list(STANDINGS)},
        before=maybe({"enum": list(STANDINGS)}),
        held_by=maybe(TEXT),
        since=maybe(TIME),
        words=TEXT,
        value=NUMBER,
        at_least=NUMBER,
        at_most=NUMBER,
        progress=NUMBER,
        required_rate=NUMBER,
        projection=NUMBER,
        projection_low=NUMBER,
        projection_high=NUMBER,
        unit=TEXT,
        period=maybe(shape(start=TIME, end=maybe(TIME))),
    ),
    "ReportChange": shape(
        target=TEXT, labels=LABELS, before=maybe({"enum": list(STANDINGS)}), after={"enum": list(STANDINGS)}
    ),
    "ReportAlert": shape(
        title=TEXT,
        alert=TEXT,
        severity=TEXT,
        fired=COUNT,
        open_seconds={"type": "number"},
        open=YES,
        taken_by={"type": "array", "items": TEXT},
    ),
    "ReportCorrections": shape(title=TEXT, action=TEXT, runs={"type": "object", "additionalProperties": COUNT}),
    "Report": shape(
        report=TEXT,
        title=TEXT,
        format={"enum": ["chart", "pdf"]},
        timezone=TEXT,
        start=TIME,
        end=TIME,
        scheduled=maybe(TIME),
        first=YES,
        summary=TEXT,
        standings={"type": "object", "additionalProperties": COUNT},
        instances=some("ReportInstance"),
        changes=some("ReportChange"),
        alerts=some("ReportAlert"),
        corrections=some("ReportCorrections"),
        left_out={"type": "array", "items": shape(of=TEXT, count=COUNT)},
        external_url=TEXT,
    ),
    "SendReport": shape(by=TEXT, optional=("by",)),
    "ReportSent": shape(report=TEXT, title=TEXT, to={"type": "array", "items": TEXT}),
}
