"""Runs jobs: the link to the Master, the handlers' API, failures, logs, the debugger."""
