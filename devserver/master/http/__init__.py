"""HTTP and WebSockets at the Master: what it answers itself, and what it sends to Workers."""
