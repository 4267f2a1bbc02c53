"""The command line: the only place where errors become sentences on stderr and exit codes.

Law: flags > environment (DEVSERVER_*) > [tool.devserver] of the nearest pyproject.toml > config's defaults.
Exit code 0 is a graceful stop, 2 a command that cannot be carried out as given, 1 any other failure.
"""

from __future__ import annotations

import math
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from devserver import __version__
from devserver.config import Address, Config, ConsoleConfig, ListenConfig, ProcessConfig, WatchConfig
from devserver.errors import DevserverError, UsageError
from devserver.settings import read_settings
from devserver.target import Located, locate

PREFIX = "DEVSERVER"

_DEFAULTS = ProcessConfig()
_ADDRESS = re.compile(r"(?:(?:\[(?P<v6>[^]]+)]|(?P<host>[^:\[\]]*)):)?(?P<port>[0-9]{1,5})")

EPILOG = f"""\b
TARGET is a file (handlers.py), a module (shop.main), or either with an
attribute (shop.main:app). Without one: the usual names, handlers.py, app.py …
ARGS are the app's sys.argv; those that begin with a dash go after --.

Each option is also an environment variable ({PREFIX}_WORKERS=4) and a key of
[tool.devserver] in pyproject.toml (workers = 4), as is target.
"""


def run(config: Config) -> int:
    """Serve until told to stop; return the exit code. Imported late: --help and a bad option cost nothing."""
    from devserver.app import run as serve

    return serve(config)


def _address(value: str) -> Address:
    found = _ADDRESS.fullmatch(value)
    if found is None or int(found["port"]) > 65535:
        raise click.BadParameter(
            f"{value!r} is no HOST:PORT: try 127.0.0.1:9501, [::1]:9501 or, for 127.0.0.1, 9501 alone."
        )
    return Address(host=found["v6"] or found["host"] or "127.0.0.1", port=int(found["port"]))


def _seconds(value: str | float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise click.BadParameter(f"{value!r} is no number of seconds, 0 or more.")
    return seconds


def _events(value: str) -> str:
    if value.startswith("fd:") and not re.fullmatch("fd:[0-9]{1,9}", value):
        raise click.BadParameter(f"{value!r} names no file descriptor: try fd:3.")
    return value


def _socket_path(value: str) -> str:
    if not value:
        raise click.BadParameter("an empty path names no socket.")
    return value


def _config(located: Located, options: Mapping[str, Any]) -> Config:
    return Config(
        target=located.target,
        watch=WatchConfig(
            root=str(located.root), also=options["also"], exclude=options["exclude"], poll=options["poll"]
        ),
        listen=ListenConfig(tcp=options["tcp"], uds=options["uds"]),
        process=ProcessConfig(
            workers=options["workers"],
            boot_timeout=options["boot_timeout"],
            drain=options["drain"],
            stop=options["stop_timeout"],
            handover=options["handover"],
            loop=options["loop"],
        ),
        console=ConsoleConfig(plain=options["plain"], events=options["events"]),
    )


@click.command(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("target", required=False, envvar=f"{PREFIX}_TARGET")
@click.argument("args", nargs=-1)
@click.option(
    "--tcp", multiple=True, type=_address, metavar="HOST:PORT", help="Listen here. Repeatable; port 0: any."
)
@click.option(
    "--uds", multiple=True, type=_socket_path, metavar="PATH", help="Listen on this Unix socket. Repeatable."
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=_DEFAULTS.workers,
    show_default=True,
    help="Worker processes.",
)
@click.option(
    "--boot-timeout",
    type=_seconds,
    metavar="SECONDS",
    default=_DEFAULTS.boot_timeout,
    show_default=True,
    help="How long new code may take to import and start. 0: for ever.",
)
@click.option(
    "--drain",
    type=_seconds,
    metavar="SECONDS",
    default=_DEFAULTS.drain,
    show_default=True,
    help="How long a replaced Worker may take to finish what it has.",
)
@click.option(
    "--stop-timeout",
    type=_seconds,
    metavar="SECONDS",
    default=_DEFAULTS.stop,
    show_default=True,
    help="The same, when the server stops.",
)
@click.option(
    "--handover",
    type=click.Choice(["auto", "overlap", "exclusive"]),
    default=_DEFAULTS.handover,
    show_default=True,
    help="Start a new Worker beside the old one, or after it.",
)
@click.option(
    "--loop",
    type=click.Choice(["auto", "asyncio", "uvloop"]),
    default=_DEFAULTS.loop,
    show_default=True,
    help="The event loop of async handlers. auto: uvloop if installed.",
)
@click.option("--also", multiple=True, metavar="GLOB", help="Reload for these files too. Repeatable.")
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Do not watch these, as in .gitignore. Repeatable."
)
@click.option("--poll/--no-poll", help="Look at the files regularly: for mounts that tell of no changes.")
@click.option("--plain/--no-plain", help="One line per event, also in a terminal.")
@click.option("--events", type=_events, default="", metavar="FILE|-|fd:N", help="Write events as JSON lines.")
@click.version_option(__version__, message="devserver %(version)s", allow_from_autoenv=False)
@click.pass_context
def command(ctx: click.Context, /, target: str | None, args: tuple[str, ...], **options: Any) -> int:
    """Serve TARGET, and run each save's code without cutting a connection."""
    from_project = ctx.get_parameter_source("target") is ParameterSource.DEFAULT_MAP
    located = locate(target, ctx.obj if from_project else Path.cwd())
    named = msgspec.structs.replace(located.target, argv=args)
    return run(_config(Located(named, located.file, located.root), options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: those of this process); return its exit code."""
    _fill_standard_streams()
    try:
        settings = read_settings(_folder(), command)
        code = command.main(
            arguments,
            prog_name="devserver",
            standalone_mode=False,
            auto_envvar_prefix=PREFIX,
            default_map=settings.values,
            obj=settings.folder,
        )
    except click.ClickException as error:
        return _say(_sentence(error), error.exit_code)
    except click.Abort:
        return _say("interrupted", 130)
    except DevserverError as error:
        return _say(str(error), 2 if isinstance(error, UsageError) else 1)
    except Exception as error:  # a bug of ours: one line for the user, all of it for who looks for it
        if sys.flags.dev_mode:
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        return _say(f"internal error: {what}; PYTHONDEVMODE=1 shows the traceback", 1)
    return int(code or 0)


def _fill_standard_streams() -> None:
    """Put /dev/null where a standard stream is closed, or our sockets would get its number."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number: `fd`


def _sentence(error: click.ClickException) -> str:
    """Return click's message with where the value came from, if it was not given as a flag."""
    text = error.format_message()
    if isinstance(error, click.NoSuchOption):
        return f"{text} Options of the app go after --."
    if not isinstance(error, click.BadParameter) or not error.ctx or not error.param or not error.param.name:
        return text
    match error.ctx.get_parameter_source(error.param.name):
        case ParameterSource.ENVIRONMENT:
            return f"{text.rstrip('.')} (from {PREFIX}_{error.param.name.upper()})."
        case ParameterSource.DEFAULT_MAP:
            return f"{text.rstrip('.')} (from {error.ctx.obj / 'pyproject.toml'})."
    return text


def _folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the folder you are in is gone: change to another one") from error


def _say(sentence: str, code: int) -> int:
    click.echo(f"devserver: {' '.join(sentence.split())}", err=True)
    return code
