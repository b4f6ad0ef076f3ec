"""What `explain` says of a target, now and in the past."""
