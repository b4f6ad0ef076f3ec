"""What a configuration was understood to say, as plain data without secrets: for `setpoint check`."""

from __future__ import annotations

from typing import Any

from agent.config import words
from agent.config.configuration import ActionEntry, Configuration, ReportEntry, SourceEntry
from rules.matchers import matchers_text
from rules.model import AlertRule, CorrectRule, Target, duration_text
from rules.routing import Route


def describe(configuration: Configuration) -> dict[str, Any]:
    """Lists of sources, targets, actions and receivers, the routing tree, the gateways' names and the files."""
    return {
        "files": list(configuration.files),
        "gateways": list(configuration.gateways),
        "sources": [_source(source) for source in configuration.sources.values()],
        "targets": [
            _target(target, pretends=configuration.corrections.dry_run) for target in configuration.targets.values()
        ],
        "actions": [_action(action) for action in configuration.actions.values()],
        "receivers": [
            {
                "name": name,
                "notifiers": [one.kind for one in notifiers],
                "ways": [getattr(one.config, "way", "") for one in notifiers],
            }
            for name, notifiers in configuration.receivers.items()
        ],
        "route": _route(configuration.route) if configuration.route else None,
        "inhibit_rules": len(configuration.inhibit),
        "time_intervals": list(configuration.intervals),
        "operators": list(configuration.operators),
        "reports": [_report(report) for report in configuration.reports.values()],
        "heartbeat": f"every {duration_text(configuration.heartbeat_every)}" if configuration.heartbeat_url else None,
    }


def _source(source: SourceEntry) -> dict[str, Any]:
    return {
        "name": source.name,
        "type": source.kind,
        "schedule": words.schedule(source),
        "series": list(source.rule.series),
    }


def _target(target: Target, *, pretends: bool) -> dict[str, Any]:
    return {
        "name": target.name,
        "title": target.title,
        "reads": str(target.selector) if target.selector else target.source,
        "by": list(target.by),
        "goal": words.wanted_of(target),
        "timezone": target.zone,
        "no_data": f"after {duration_text(target.no_data.after)}: {target.no_data.then}" if target.no_data else None,
        "alerts": [_alert(alert) for alert in target.alerts],
        "correct": [_correct(rule, pretends=pretends or rule.dry_run) for rule in target.correct],
        "depends_on": list(target.depends_on),
        "mute_time_intervals": list(target.mute),
    }


def _alert(alert: AlertRule) -> dict[str, Any]:
    return {
        "name": alert.name,
        "when": str(alert.when),
        "for": words.lasting(alert),
        "severity": alert.severity,
        "notify": list(alert.notify),
        "burn": [
            {"rate": pair.rate, "long": duration_text(pair.long), "short": duration_text(pair.short)}
            for pair in alert.burn
        ],
        "worse": [
            {"severity": step.severity, "unless": words.band(step.at_least, step.at_most), "notify": list(step.notify)}
            for step in alert.worse
        ],
        "escalate": [{"after": duration_text(step.after), "to": list(step.to)} for step in alert.escalate],
    }


def _correct(rule: CorrectRule, *, pretends: bool) -> dict[str, Any]:
    return {
        "on": rule.on,
        "action": rule.action,
        "calling": words.calling(rule, pretends=pretends),
        "approve_within": duration_text(rule.approve_within) if rule.approve_within is not None else None,
        "dry_run": pretends,
        "precondition": rule.precondition,
        "output": words.output(rule.output),
        "undo": words.undo(rule.undo),
        "max_attempts": rule.max_attempts,
        "cooldown": duration_text(rule.cooldown),
        "verify_within": duration_text(rule.verify_within),
        "escalate_to": list(rule.escalate_to),
    }


def _action(action: ActionEntry) -> dict[str, Any]:
    budget = f"{action.budget[0]} in {duration_text(action.budget[1] * 1_000_000)}" if action.budget else None
    breaker = action.breaker
    return {
        "name": action.name,
        "type": action.kind,
        "thing": getattr(action.config, "thing", None),
        "budget": budget,
        "breaker": {"failures": breaker.failures, "pause": duration_text(breaker.pause)},
    }


def _report(report: ReportEntry) -> dict[str, Any]:
    return {
        "name": report.name,
        "title": report.title,
        "schedule": f"cron {report.schedule}",
        "targets": list(report.targets),
        "to": list(report.to),
        "format": str(report.format),
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "receiver": route.receiver,
        "matchers": [matchers_text((matcher,))[1:-1] for matcher in route.matchers],
        "continue": route.continue_,
        "group_by": list(route.group_by),
        "group_wait": duration_text(route.group_wait),
        "group_interval": duration_text(route.group_interval),
        "repeat_interval": duration_text(route.repeat_interval),
        "mute_time_intervals": list(route.mute),
        "active_time_intervals": list(route.active),
        "routes": [_route(inner) for inner in route.routes],
    }
