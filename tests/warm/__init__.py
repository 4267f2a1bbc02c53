"""Compares an app that was swapped in a copy of a process with a cold start of the same files."""
