"""Browsers refresh pages after a save: the script in the page, and the channel that reports saves."""
