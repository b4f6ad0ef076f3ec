"""What a correction calls: the values that its templates may use, how it is shown, and its delivery."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from agent.alerts.notices import context_of
from agent.config.configuration import Configuration
from agent.deciding.decided import Decision, happened
from agent.sending.envelopes import idempotency_key
from agent.store.records import Delivery, DeliveryKind
from connectors.template import TemplateError
from rules.model import HOUR, Correction, Event, Transition
from rules.specs import Specs
from rules.words import headline

Context = dict[str, Any]


class Calls:
    """The calls of one configuration."""

    def __init__(self, specs: Specs, config: Configuration) -> None:
        self._specs = specs
        self._config = config

    def context(self, run: Correction, decision: Decision) -> Context:
        """What templates of the call may use, as the decision leaves the instance."""
        state = decision.instance(run.key)
        if state is None:
            return {}
        return self._context_of(run, happened(self._specs, state, run.alert, Event.CORRECTION, decision.now))

    def configured(self, run: Correction) -> str:
        """A hash of how the action is configured, but for its secrets: values move on, another call is another."""
        config = getattr(self._config.actions.get(run.action), "config", None)
        return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16] if config else ""

    def preview(self, run: Correction, decision: Decision) -> str:
        """What would be called, without secrets."""
        entry = self._config.actions.get(run.action)
        preview = getattr(entry.config if entry else None, "preview", None)
        if preview is None or decision.instance(run.key) is None:
            return run.action
        try:
            return str(preview(self.context(run, decision)))
        except TemplateError as error:
            return f"{run.action}, which can't be made: {error}"

    def delivery(self, run: Correction, transition: Transition) -> Delivery:
        """The call in the outbox; `transition` says that it is made."""
        which = {"fingerprint": run.fingerprint, "starts_at": transition.fired_at}
        payload = {"run": run.id, "context": {**self._context_of(run, transition), **which}}
        return Delivery(
            key=idempotency_key(run.id, str(run.queued)),
            kind=DeliveryKind.CALL,
            receiver=run.action,
            position=0,
            lane=f"action/{run.action}/{run.key.target}/{run.key.labels}",
            payload=orjson.dumps(payload),
            created=transition.at,
            next_at=transition.at,
            expires_at=transition.at + HOUR,
        )

    def _context_of(self, run: Correction, transition: Transition) -> Context:
        target, assessment = self._specs.targets.get(run.key.target), transition.assessment
        said = headline(target, run.key, assessment, Event.FIRING, transition.at) if target and assessment else ""
        output = None if run.output is None else orjson.loads(run.output)
        own: Mapping[str, Any] = {"attempt": run.attempt, "correction": run.id}
        driven = {} if output is None else {"output": output}  # a template that takes what there is not is a mistake
        return {**context_of(target, transition, said), **own, **driven}
