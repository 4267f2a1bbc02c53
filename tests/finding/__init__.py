"""Compares what a Worker imports, forked with a snapshot, with a cold start of the same files."""
