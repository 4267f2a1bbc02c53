"""What the target is: handlers, an ASGI or WSGI app, a Django project."""
