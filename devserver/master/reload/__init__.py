"""Which code is live, which is tried, and how long that took."""
