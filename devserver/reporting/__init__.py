"""The Master's process: what it reports to the user, as plain lines, events, and to the console."""
