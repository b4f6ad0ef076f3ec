"""A controlled value: what a corrective call sets, so that the number is driven to where it should be.

The controller is simple-pid's (https://github.com/m-lundberg/simple-pid): derivative of the measurement, so that a
moved setpoint makes no jump, and an integral that never leaves the range of the output (no windup). It is made anew
for each call from what is remembered, and asks no clock.
"""

from __future__ import annotations

from simple_pid import PID

from rules.model import SECOND, Assessment, Driven, Pid


def setpoint_of(pid: Pid, assessment: Assessment) -> float | None:
    """Where the number is driven: as configured, the middle of the band that is wanted, or its only bound."""
    if pid.setpoint is not None:
        return pid.setpoint
    bounds = [bound for bound in (assessment.at_least, assessment.at_most) if bound is not None]
    return sum(bounds) / len(bounds) if bounds else None


def drive(pid: Pid, assessment: Assessment, before: Driven | None, every: int, now: int) -> tuple[float, Driven] | None:
    """The next output and what to go on from; None if there is no number, or nowhere to drive it.

    `every` is the usual time between two calls: what the first one counts for, and any after a clock was set back. Of a
    pause (corrections were off, nothing could be read) the sum takes two of them at most: nobody knows how it stood.
    """
    value, setpoint = assessment.value, setpoint_of(pid, assessment)
    if value is None or setpoint is None:
        return None
    gone = (now - before.at) / SECOND if before else 0.0
    usual = max(every / SECOND, 1.0)
    seconds = gone if gone > 0 else usual
    controller = PID(
        pid.kp,
        0.0,
        pid.kd,
        setpoint=setpoint,
        sample_time=None,
        output_limits=(pid.low, pid.high),
        time_fn=lambda: 0.0,
        starting_output=before.integral if before else min(max(0.0, pid.low), pid.high),
    )
    if before is not None:
        controller(before.value, dt=seconds)  # with ki = 0: it only takes note of the value before
    controller.tunings = (pid.kp, pid.ki * min(1.0, 2 * usual / seconds), pid.kd)
    output = controller(value, dt=seconds)
    return float(output or 0.0), Driven(float(controller.components[1]), value, now)
