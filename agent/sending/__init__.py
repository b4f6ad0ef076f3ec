"""What waits in the outbox: in which order it goes, as which sending, and when it is tried again."""
