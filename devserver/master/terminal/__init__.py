"""Who reads the user's terminal, and so has the keys."""
