"""The HTTP face: health, metrics, API, inbound webhooks and pings."""
