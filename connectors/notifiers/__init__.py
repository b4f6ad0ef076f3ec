"""One file for each kind of notifier."""
