"""What the daemon would decide, in virtual time: the same decisions, without a store, a clock or anything sent."""
