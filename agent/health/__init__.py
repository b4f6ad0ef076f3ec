"""The daemon looks after itself: its troubles, its signs of life, its memory."""
