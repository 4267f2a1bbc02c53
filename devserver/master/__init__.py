"""The Master's process: keeps every client connection, decides which code is live, and never runs it."""
