"""Runs jobs: the link to the Master, what handlers see, failures, logs, the debugger."""
