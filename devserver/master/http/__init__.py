"""HTTP and WebSockets in the Master: its own answers, and the requests for Workers."""
