"""Which code is live, which is tried, and how long a reload takes."""
