"""A Worker's process: imports the app of one generation and runs it; owns no client connection."""
