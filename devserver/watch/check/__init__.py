"""Reads changed files, and compiles them."""
