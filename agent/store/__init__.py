"""Remembers: readings, states, transitions, deliveries and corrections, in one transaction each batch."""
