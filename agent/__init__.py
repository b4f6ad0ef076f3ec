"""Runs: settings, configuration, scheduler, poller, pipeline, store, dispatcher, web and command line."""

__version__ = "0.1.0"
