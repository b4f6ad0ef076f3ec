"""One batch from what came in to what is committed, and what is remembered between two of them."""
