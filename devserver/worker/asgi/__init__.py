"""Runs an ASGI app: each request and each WebSocket is a stream from the Master and back."""
