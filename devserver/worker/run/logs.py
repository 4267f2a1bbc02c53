"""Sets up the loggers `uvicorn`, `uvicorn.error` and `uvicorn.access` as uvicorn does: apps rely on them.

Law: the app's own handlers and filters on them get each record. What the console shows anyway, such as a
traceback, is not printed a second time.
"""

from __future__ import annotations

import http
import importlib
import json
import logging
import sys
from typing import TextIO
from urllib.parse import quote

from devserver.ipc.messages import Scope

_TRACE = 5
"""The level that uvicorn calls trace."""
_SHOWN = "devserver_shown"
_LEVELS = {logging.INFO: 32, logging.WARNING: 33, logging.ERROR: 31, logging.CRITICAL: 91, logging.DEBUG: 36}
_STATUSES = {1: 97, 2: 32, 3: 33, 4: 31, 5: 91}
_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}


class Formatter(logging.Formatter):
    """`INFO:     message`, in colour on a terminal; the access log's five arguments as a line."""

    def __init__(self, coloured: bool) -> None:
        super().__init__()
        self._coloured = coloured

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        level = record.levelname
        prefix = f"{self._paint(level, _LEVELS.get(record.levelno, 0))}:{' ' * max(1, 9 - len(level))}"
        arguments = record.args
        if record.name == "uvicorn.access" and isinstance(arguments, tuple) and len(arguments) == 5:
            client, method, path, version, status = arguments
            line = self._paint(f"{method} {path} HTTP/{version}", 1)
            code = int(str(status))
            answer = f"{code} {_PHRASES.get(code, '')}"
            return f'{prefix}{client} - "{line}" {self._paint(answer, _STATUSES.get(code // 100, 0))}'
        return prefix + record.getMessage()

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured and colour else text


class Unusable(Exception):
    """The file for logging.config cannot be used; the text names the file and the reason."""


def set_up(access_log: bool, level: str = "", config: str = "") -> None:
    """Set up the loggers; call it before the app is imported, which may change them. Raises Unusable.

    `config` is a file for logging.config, applied after our set-up; then `level` is set, as in uvicorn.
    """
    general = logging.getLogger("uvicorn")
    general.handlers[:] = [_handler(sys.stderr)]
    general.setLevel(logging.INFO)
    general.propagate = False
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    access = logging.getLogger("uvicorn.access")
    access.handlers[:] = [_handler(sys.stdout)] if access_log else []
    access.setLevel(logging.INFO)
    access.propagate = False
    if config:
        _configure(config)
        if not access_log:
            access.handlers[:] = []
            access.propagate = False
    if level:
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
            logging.getLogger(name).setLevel(_TRACE if level == "trace" else level.upper())


def _configure(file: str) -> None:
    from logging import config

    try:
        if file.endswith(".json"):
            with open(file, encoding="utf-8") as text:
                config.dictConfig(json.load(text))
        elif file.endswith((".yaml", ".yml")):
            yaml = importlib.import_module("yaml")
            with open(file, encoding="utf-8") as text:
                config.dictConfig(yaml.safe_load(text))
        else:
            config.fileConfig(file, disable_existing_loggers=False)
    except Exception as error:  # the file can make it import and call anything
        because = f" ({error.__cause__})" if error.__cause__ else ""
        raise Unusable(f"{file} cannot set up logging: {type(error).__name__}: {error}{because}") from error


def are_requests_heard() -> bool:
    """Return whether a handler, the app's or ours, gets a record of each request."""
    return logging.getLogger("uvicorn.access").hasHandlers()


def _handler(stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Formatter(stream.isatty()))
    handler.addFilter(lambda record: not getattr(record, _SHOWN, False))
    return handler


class Log:
    """The log of the streams. Create it after the app's import: `access` is None without a handler."""

    def __init__(self) -> None:
        self._error = logging.getLogger("uvicorn.error")
        self._access = logging.getLogger("uvicorn.access")
        self.access = self._log_access if self._access.hasHandlers() else None

    def _log_access(self, scope: Scope, status: int) -> None:
        self._access.info(
            '%s - "%s %s HTTP/%s" %d', _client(scope), scope.method, _path(scope), scope.http_version, status
        )

    def handshake(self, scope: Scope, what: str) -> None:
        """Log that a WebSocket was accepted or refused, with its status. A resumed one was logged before."""
        if not scope.resumed:
            self._error.info('%s - "WebSocket %s" %s', _client(scope), _path(scope), what)

    def error(self, text: str) -> None:
        """Log an error of the app; the console shows it anyway."""
        self._error.error(text, extra={_SHOWN: True})

    def aftermath(self, error: BaseException) -> None:
        """Log an exception of the app after a detach: frameworks raise then."""
        self._error.debug("Exception in ASGI application after a reload\n", exc_info=error)

    def exception(self, error: BaseException) -> None:
        """Log an exception of the app; the console shows it anyway."""
        self._error.error("Exception in ASGI application\n", exc_info=error, extra={_SHOWN: True})


def _client(scope: Scope) -> str:
    return f"{scope.client[0]}:{scope.client[1]}" if scope.client else ""


def _path(scope: Scope) -> str:
    path = quote(scope.path)
    return f"{path}?{scope.query_string.decode('ascii', 'replace')}" if scope.query_string else path
