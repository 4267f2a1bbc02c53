"""Imports the own modules of one generation from its snapshot."""
