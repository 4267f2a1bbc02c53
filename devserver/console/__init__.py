"""The console's process: draws the dashboard from the event stream, and reads the keys."""
