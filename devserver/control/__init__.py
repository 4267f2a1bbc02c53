"""How other programs talk with a running server: its socket, the language spoken over it, and a client."""
