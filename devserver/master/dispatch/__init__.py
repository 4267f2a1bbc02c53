"""Decides which Worker runs which job, and when."""
