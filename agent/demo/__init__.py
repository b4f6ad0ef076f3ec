"""The website-traffic story, told by the real daemon on local servers."""
