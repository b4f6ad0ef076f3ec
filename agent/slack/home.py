"""App Home: how everything stands, for one person; what they took comes first. Published when they open it.

Source: https://docs.slack.dev/surfaces/app-home and https://docs.slack.dev/reference/views/home-tab-views (100 blocks)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog

from agent.runtime import OpenAlert
from agent.slack.looking import MOST_TARGETS, standings, target_lines
from agent.slack.replies import sections
from agent.slack.visit import Visit, alert_line, until
from connectors.base import ConnectorError
from connectors.facts import plain
from connectors.slack_buttons import BLOCK, acts
from connectors.slack_text import Block, escape, plain_text, section
from rules.model import AlertState

log = structlog.get_logger()

_MOST_ALERTS = 30  # of two blocks each; with the rest that stays well below the 100 blocks of a view
_IN_LINE = 600


async def publish(visit: Visit, said: Sequence[str] = ()) -> bool:
    """Shows the person their Home, with `said` at its top. False if Slack did not take it, which is logged."""
    try:
        await visit.api.anew("views_publish", lambda: {"user_id": visit.person.id, "view": home(visit, said)})
    except ConnectorError as error:
        log.warning("slack.home_not_shown", error=str(error))
        return False
    return True


def is_home(payload: Mapping[str, Any]) -> bool:
    """Whether something was clicked there."""
    view = payload.get("view")
    return isinstance(view, Mapping) and view.get("type") == "home"


def home(visit: Visit, said: Sequence[str] = ()) -> Block:
    """The view: what the person took, the other open alerts, worst first, and every target, worst first."""
    alerts = visit.runtime.alerts()
    mine = [one for one in alerts if visit.took(one)]
    others = [one for one in alerts if not visit.took(one)]
    blocks = [*_lines(said), *_lines([*standings(visit), f"As of {until(visit, visit.now)}"])]
    if mine:
        blocks += [_header("Taken by you"), *_alerts(visit, mine[:_MOST_ALERTS])]
    blocks.append(_header("Open alerts"))
    blocks += _alerts(visit, others[: max(_MOST_ALERTS - len(mine), 0)])
    unseen = max(len(alerts) - _MOST_ALERTS, 0)
    if unseen or not others:
        more = f"and {unseen:,} more: {visit.hint('status')}" if unseen else "None" + (" beside yours" if mine else "")
        blocks.append(section(escape(more, _IN_LINE)))
    targets = target_lines(visit)
    if targets:
        rest = len(targets) - MOST_TARGETS
        unlisted = [f"and {rest:,} more: {visit.hint('targets')}"] if rest > 0 else []
        blocks += [_header("Targets"), *_lines([*targets[:MOST_TARGETS], *unlisted])]
    return {"type": "home", "blocks": blocks}


def _alerts(visit: Visit, alerts: Sequence[OpenAlert]) -> Iterator[Block]:
    """Each with what can be done about it; about one that only may fire there is nothing to do yet."""
    clicks = visit.runtime.settings.slack_clicks
    for one in alerts:
        yield section(escape(plain(alert_line(one, visit.now)), _IN_LINE))
        if clicks and one.state != AlertState.PENDING:
            block = f"{BLOCK}{one.fingerprint}:{visit.now}"
            yield acts(one.fingerprint, block, taken=one.acknowledged_by is not None)


def _lines(texts: Sequence[str]) -> Iterator[Block]:
    return (section(text) for text in sections(escape(plain(one), _IN_LINE) for one in texts))


def _header(text: str) -> Block:
    return {"type": "header", "text": plain_text(text, 150)}
