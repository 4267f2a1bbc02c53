"""Which Worker reads the user's terminal, and so gets the keys."""
