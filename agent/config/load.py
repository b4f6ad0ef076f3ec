"""From files to a checked `Configuration`, or to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, SecretStr

from agent.config.calendar import build_intervals
from agent.config.checks import check_calls, check_programs
from agent.config.configuration import Configuration
from agent.config.convert import read
from agent.config.corrections import build_corrections, check_outputs
from agent.config.document import MOST_ERRORS, Document
from agent.config.errors import ConfigErrors, near
from agent.config.keeping import build_keeping
from agent.config.kinds import build_actions, build_gateways, build_receivers
from agent.config.language import Defaults, Heartbeat, Watch
from agent.config.operators import build_operators
from agent.config.reports import build_reports
from agent.config.routing import build_inhibit_rules, build_route
from agent.config.sources import CHECKIN, build_sources
from agent.config.targets import build_targets
from agent.config.validate import models_in, validated
from agent.health import collector

SECTIONS = (
    "defaults", "gateways", "sources", "targets", "actions", "receivers", "route", "inhibit_rules", "time_intervals",
    "corrections", "heartbeat", "watch", "operators", "reports",
)  # fmt: skip


def load(path: str | Path, environ: Mapping[str, str], commands: Sequence[str] | None = None) -> Configuration:
    """The configuration of a file or a directory of `*.yaml`, its variables taken from `environ`.

    An action that runs a program is a mistake unless that is one of the `commands`, which are the paths of those that
    may be run; with None that is not looked at. Raises ConfigErrors with every mistake.
    """
    with collector.paused():
        return configuration_of(read(path, environ), commands)


def configuration_of(document: Document, commands: Sequence[str] | None = None) -> Configuration:
    """The configuration that a document holds. Raises ConfigErrors with every mistake."""
    _check_sections(document)
    defaults = _defaults(document)
    gateways = build_gateways(document)
    sources = build_sources(document, defaults, gateways)
    checkins = {name: source.config for name, source in sources.items() if source.kind == CHECKIN}
    actions = build_actions(document, gateways)
    receivers = build_receivers(document, gateways)
    heartbeat, watch = _heartbeat(document), _watch(document)
    targets = build_targets(document, defaults, checkins)
    check_calls(targets.values(), actions, document)
    check_outputs(targets.values(), actions, document)
    if commands is not None:
        check_programs(actions.values(), commands, document)
    configuration = Configuration(
        sources=sources,
        targets=targets,
        actions=actions,
        receivers=receivers,
        gateways=gateways,
        corrections=build_corrections(document),
        route=build_route(document),
        inhibit=build_inhibit_rules(document),
        intervals=build_intervals(document),
        timezone=defaults.timezone,
        keeping=build_keeping(defaults, sources, document),
        reports=build_reports(document, defaults, receivers),
        heartbeat_url=heartbeat.url.get_secret_value() if heartbeat else None,
        heartbeat_every=heartbeat.every if heartbeat else Heartbeat.model_fields["every"].default,
        blind=watch.blind,
        operators=build_operators(document),
        files=document.files,
        secrets=tuple(dict.fromkeys(_secrets_of(sources, gateways, actions, receivers, heartbeat))),
    )
    if document.errors:
        raise ConfigErrors(document.errors)
    return configuration


def _check_sections(document: Document) -> None:
    for name in document.data:
        if name not in SECTIONS and len(document.errors) < MOST_ERRORS:
            hint = near(name, SECTIONS) or f"known here: {', '.join(SECTIONS)}"
            document.report((name,), "unknown key", hint, at_key=True)


def _defaults(document: Document) -> Defaults:
    data = document.data.get("defaults")
    model = validated(Defaults, data, ("defaults",), document) if data is not None else None
    return model or Defaults()


def _heartbeat(document: Document) -> Heartbeat | None:
    data = document.data.get("heartbeat")
    if data is None or not document.complete:
        return None
    return validated(Heartbeat, data, ("heartbeat",), document)


def _watch(document: Document) -> Watch:
    data = document.data.get("watch")
    model = validated(Watch, data, ("watch",), document) if data is not None and document.complete else None
    return model or Watch()


def _secrets_of(*values: object) -> Iterator[str]:
    """Every secret inside models, entries, mappings and lists."""
    for value in values:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secrets_of(*(getattr(value, name) for name in _secret_fields(type(value))))
        elif isinstance(value, dict):
            yield from _secrets_of(*value.values())
        elif isinstance(value, list | tuple):
            yield from _secrets_of(*value)
        elif hasattr(value, "config"):
            yield from _secrets_of(value.config)


@cache
def _secret_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields that may hold a secret, at any depth."""
    return tuple(
        name
        for name, info in model.model_fields.items()
        if SecretStr.__name__ in str(info.annotation) or any(map(_secret_fields, models_in(info.annotation)))
    )
