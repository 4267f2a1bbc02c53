"""Any process: how other programs ask a running server: its socket, the protocol, a client."""
