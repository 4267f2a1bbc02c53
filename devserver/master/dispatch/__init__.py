"""Which Worker runs what, and when."""
