"""A shop: several own modules, wired by FastAPI's dependency injection."""
