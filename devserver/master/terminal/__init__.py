"""Which Worker reads its terminal, and so gets the user's keys."""
