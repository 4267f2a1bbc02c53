"""The HTTP and WebSocket face of the Master: what it answers itself, and what it hands to Workers."""
