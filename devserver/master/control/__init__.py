"""Answers other programs about this server, over its control socket."""
