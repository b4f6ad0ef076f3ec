"""Before and around a poll: when it is due, which shard and host it belongs to, and what it may bring."""
