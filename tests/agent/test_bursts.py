"""Many alerts by themselves at once: a few messages, none lost, each closed where it was opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config.configuration import NotifierEntry
from agent.outgoing import read_notice
from agent.store.records import DeliveryKind
from rules.grouping import BURST
from rules.model import DAY, HOUR, MINUTE, SECOND, AlertRule, Notice, Polled, Reading, Silence, SilenceMatcher
from tests.agent.people import by_ann
from tests.agent.test_pipeline import TARGET, World
from tests.rules.world import series

ALERT = TARGET.alerts[0]
ROOMS = replace(TARGET, by=("room",))
