"""Where the Master listens, and whom it lets in."""
