"""Observes a boot for the Master: the files it used, opened and created, and the imports' conditions."""
