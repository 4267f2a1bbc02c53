"""Imports installed packages before the first fork, and leaves out what a fork must not share."""
