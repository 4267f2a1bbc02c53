"""Connections of the module's own handlers: frames over TCP, Unix sockets and WebSockets."""
