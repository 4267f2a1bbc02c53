"""Finds what the target serves: handlers, an ASGI or WSGI app, a Django project."""
