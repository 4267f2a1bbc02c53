"""Which files matter, and where they are."""
