"""Slack as a face: what people type and click there. One handler; HTTP and Socket Mode are its two doors."""
