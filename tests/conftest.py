"""How every property test runs: a machine that is busy for a moment fails none of them."""

from hypothesis import settings

settings.register_profile("setpoint", deadline=None)
settings.load_profile("setpoint")
