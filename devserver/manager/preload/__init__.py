"""Imports what is installed before the first fork, and leaves out what must not be shared."""
