"""Where the Master listens."""
