"""Options of uvicorn, gunicorn, hypercorn, fastapi, flask and Django's runserver, typed out of habit.

Law: each keeps its meaning, or is accepted silently because it is the default here, or its error names the
alternative. Those with another name here are aliases of it: see `options`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def _accepted(*names: str, flag: bool = True, values: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Return an option that asks for the default; any value but one of `values` is an error."""

    def look(_ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if values and value is not None and value not in values:
            raise click.BadParameter(f"{value!r} is not supported: {ADVICE[names[0]]}", param=param)

    settings: dict[str, Any] = {"is_flag": True} if flag else {"metavar": "VALUE"}
    return click.option(
        *names,
        hidden=True,
        expose_value=False,
        callback=look,
        allow_from_autoenv=False,
        default=None,
        **settings,
    )


ADVICE = {
    "--no-reload": "devserver always reloads: to serve without, use uvicorn or gunicorn.",
    "--noreload": "devserver always reloads: to serve without, use uvicorn or gunicorn.",
    "--reload-delay": "devserver needs no delay: it waits until a save is complete. Leave it out.",
    "--reload-engine": "devserver chooses how to watch: leave it out, or see --poll.",
    "--reload-extra-file": "name further files that reload with --also GLOB.",
    "--extra-files": "name further files that reload with --also GLOB, once for each.",
    "--exclude-patterns": "name files that do not reload with --exclude GLOB, once for each.",
    "--fd": "devserver opens its sockets itself: use --port or --uds.",
    "--bind": "use --host and --port, or --uds for a Unix socket.",
    "-b": "use --host and --port, or --uds for a Unix socket.",
    "--worker-class": "devserver detects whether the app is ASGI or WSGI: leave it out.",
    "-k": "devserver detects whether the app is ASGI or WSGI: leave it out.",
    "--interface": "devserver detects whether the app is ASGI or WSGI: leave it out.",
    "--http": "devserver speaks HTTP with httptools: leave it out.",
    "--http2": "devserver speaks HTTP/1.1 only: leave it out.",
    "--ws": "devserver speaks WebSocket with websockets: leave it out.",
    "--ws-max-size": "devserver takes messages up to 16 MiB, as uvicorn does by default: leave it out.",
    "--ws-max-queue": "devserver has its own limit for waiting messages: leave it out.",
    "--ws-ping-interval": "devserver pings as uvicorn does by default: leave it out.",
    "--ws-ping-timeout": "devserver pings as uvicorn does by default: leave it out.",
    "--ws-per-message-deflate": "devserver compresses as uvicorn does by default: leave it out.",
    "--lifespan": "devserver runs the app's lifespan if it has one: leave it out.",
    "--use-colors": "devserver colours its output on a terminal: leave it out, or use --plain.",
    "--no-use-colors": "devserver colours its output on a terminal only: leave it out, or use --plain.",
    "--server-header": "devserver's headers are uvicorn's defaults: leave it out.",
    "--no-server-header": "devserver's headers are uvicorn's defaults: leave it out.",
    "--date-header": "devserver's headers are uvicorn's defaults: leave it out.",
    "--no-date-header": "devserver's headers are uvicorn's defaults: leave it out.",
    "--header": "add headers in the app, for instance in a middleware.",
    "--limit-concurrency": "devserver holds requests that are too many at once: leave it out.",
    "--limit-max-requests": "devserver replaces workers as you save: leave it out.",
    "--max-requests": "devserver replaces workers as you save: leave it out.",
    "--backlog": "devserver accepts every connection at once: leave it out.",
    "--timeout-keep-alive": "devserver keeps connections open across reloads: leave it out.",
    "--timeout": "requests have no limit; --boot-timeout is for a start, --drain for a reload.",
    "--timeout-worker-healthcheck": "devserver notices by itself when a worker dies: leave it out.",
    "--ssl-keyfile-password": "devserver takes a key without a password: openssl pkey -in KEY -out PLAIN.",
    "--ssl-ca-certs": "devserver does not ask clients for certificates: leave it out.",
    "--ssl-cert-reqs": "devserver does not ask clients for certificates: leave it out.",
    "--ssl-version": "devserver speaks Python's default versions of TLS: leave it out.",
    "--ssl-ciphers": "devserver uses Python's default ciphers: leave it out.",
    "--reset-contextvars": "each request already has its own context: leave it out.",
    "--h11-max-incomplete-event-size": "devserver does not use h11: leave it out.",
    "--config": "settings go into [tool.devserver] of pyproject.toml: devserver init writes it.",
    "-c": "settings go into [tool.devserver] of pyproject.toml: devserver init writes it.",
    "--app": "name the app without an option: devserver shop.main:app.",
    "-A": "name the app without an option: devserver shop.main:app.",
    "--entrypoint": "name the app without an option: devserver shop.main:app.",
    "-e": "name the app without an option: devserver shop.main:app.",
    "--nothreading": "devserver --threads 1 runs a WSGI app in one thread.",
    "--without-threads": "devserver --threads 1 runs a WSGI app in one thread.",
    "--settings": "set DJANGO_SETTINGS_MODULE in the environment, or in .env.",
    "--chdir": "use --app-dir DIR.",
    "--pythonpath": "use --app-dir DIR.",
    "--json": "--json belongs after a command: devserver status --json.",
    "--follow": "--follow belongs after a command: devserver logs --follow.",
}
"""The answer to an option that devserver does not have, or not with that value."""

WITH_VALUES = frozenset({"--interface", "--http", "--ws", "--lifespan"})
"""Those of which some values are the default here, and others are not supported."""

OPTIONS = (
    _accepted("--reload"),
    _accepted("--debug"),
    _accepted("--debugger"),
    _accepted("--with-threads"),
    _accepted("--interface", flag=False, values=("auto", "asgi3", "asgi2", "wsgi")),
    _accepted("--http", flag=False, values=("auto", "httptools")),
    _accepted("--ws", flag=False, values=("auto", "websockets", "websockets-sansio")),
    _accepted("--lifespan", flag=False, values=("auto", "on")),
)
"""Accepted silently."""
