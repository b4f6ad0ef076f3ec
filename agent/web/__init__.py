"""The HTTP face: health, metrics, calls from outside, the API, the status page. aiohttp's server is used only here."""
