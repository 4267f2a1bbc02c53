"""Which files matter, and where they lie."""
