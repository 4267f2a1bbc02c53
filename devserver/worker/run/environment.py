"""Sets up the process for the app: path, arguments, environment variables, output.

Law: the app finds what it would find without a server: its own folders first on `sys.path`, its name and
arguments in `sys.argv`, the variables of its `.env` unless they are set. Each line it prints leaves at once.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

from devserver.ipc.messages import Target


def prepare(target: Target, env_file: str, inherited: Mapping[str, str] = MappingProxyType({})) -> None:
    """Set up this process for `target`; call it before the app is imported.

    Raises Unreadable for the `env_file`, which need not exist. `inherited` are variables that preloaded
    modules have set at their import.
    """
    sys.path[:] = [*target.search, *(path for path in sys.path if path not in target.search)]
    sys.argv[:] = [target.path or target.module, *target.argv]
    _load_dotenv(env_file)
    os.environ.setdefault("FLASK_DEBUG", "1")
    os.environ.setdefault("FLASK_RUN_FROM_CLI", "true")  # an app.run() without a guard does nothing
    for name, value in inherited.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=True)


def flush() -> None:
    """Flush what was printed without a line end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # the app has closed or replaced it, or its reader is gone


class Unreadable(Exception):
    """The .env cannot be read; the text names it and what to do."""


def _load_dotenv(path: str) -> None:
    if not os.path.isfile(path):
        return
    from dotenv import load_dotenv

    def name_file(record: logging.LogRecord) -> bool:
        line = record.args[0] if isinstance(record.args, tuple) and record.args else "?"
        record.msg, record.args = "%s:%s is not NAME=value: ignoring this line", (path, line)
        return True

    logger = logging.getLogger("dotenv.main")
    logger.addFilter(name_file)
    try:
        load_dotenv(path, override=False)
    except UnicodeDecodeError as error:
        where = f"byte 0x{error.object[error.start]:02x} at {error.start}"
        raise Unreadable(f"{path} is not UTF-8 ({where}): save it as UTF-8") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    finally:
        logger.removeFilter(name_file)
