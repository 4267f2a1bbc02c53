"""The Master's process: its reports to the user, as plain lines and events, and in the console."""
