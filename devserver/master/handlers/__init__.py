"""Connections of the module's handlers: frames over TCP, Unix sockets and WebSockets."""
