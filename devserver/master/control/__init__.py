"""Answers other programs' requests about this server, over its control socket."""
