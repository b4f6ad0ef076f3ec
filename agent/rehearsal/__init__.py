"""What the daemon would decide, in virtual time: the same decisions, without a store, a clock or anything sent."""

from agent.rehearsal.driver import Answer, Moment, Rehearsal
from agent.rehearsal.polls import Failing, Polls
from agent.rehearsal.verdicts import Verdicts

__all__ = ["Answer", "Failing", "Moment", "Polls", "Rehearsal", "Verdicts"]
