"""Decides: pure functions over readings, targets and time. No I/O, no clock, no async."""
