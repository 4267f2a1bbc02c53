"""Any process: how other programs talk with a running server: its socket, its language, a client."""
