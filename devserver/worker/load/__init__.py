"""Imports: own modules from the snapshot, and a log of all the others."""
