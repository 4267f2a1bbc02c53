"""The command line: the only place where errors become sentences on stderr and exit codes.

Law: flags > environment (DEVSERVER_*) > [tool.devserver] of the nearest pyproject.toml > config's defaults.
Exit code 0 is a graceful stop, 2 a command that cannot be carried out as given, 1 any other failure.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from devserver import __version__
from devserver.cli.options import http_addresses, with_options
from devserver.cli.pyproject import read_settings
from devserver.cli.target import Located, locate
from devserver.common.errors import DevserverError, UsageError
from devserver.config import Config, ConsoleConfig, HttpConfig, ListenConfig, ProcessConfig, WatchConfig

PREFIX = "DEVSERVER"

EPILOG = f"""\b
TARGET is a file (handlers.py), a module (shop.main), or either with an
attribute (shop.main:app). Without one: the usual names, handlers.py, app.py …
ARGS are the app's sys.argv; those that begin with a dash go after --.

Each option is also an environment variable ({PREFIX}_WORKERS=4) and a key of
[tool.devserver] in pyproject.toml (workers = 4), as is target.
"""


def run(config: Config) -> int:
    """Serve until told to stop; return the exit code. Imported late: --help and a bad option cost nothing.

    The first Manager starts meanwhile. Before it has descriptors: a number given for events is the caller's.
    """
    from devserver.master.supervision import spawn
    from devserver.reporting.line_writer import open_events

    stream = open_events(config.console.events) if config.console.events else None
    try:
        with suppress(OSError):  # it will be tried again, and said
            spawn.spawn_ahead()
        from devserver.serve import run as serve

        return serve(config, stream)
    finally:
        spawn.discard()


def _config(located: Located, options: Mapping[str, Any]) -> Config:
    host = options["host"]
    return Config(
        target=located.target,
        watch=WatchConfig(
            root=str(located.root),
            also=options["also"],
            assets=options["assets"],
            exclude=options["exclude"],
            poll=options["poll"],
        ),
        listen=ListenConfig(
            http=http_addresses(host, options["port"]),
            tcp=options["tcp"],
            uds=options["uds"],
            certfile=options["ssl_certfile"],
            keyfile=options["ssl_keyfile"],
        ),
        http=HttpConfig(
            root_path=options["root_path"],
            proxy_headers=options["proxy_headers"],
            forwarded_allow_ips=options["forwarded_allow_ips"],
            host=host or HttpConfig().host,
            index=str(located.file.parent / "index.html"),
            allow_hosts=options["allow_host"],
            browser_reload=options["browser_reload"],
            websockets=options["websockets"],
            streams=options["streams"],
            stream_limit=options["stream_limit"],
        ),
        process=_process_config(options),
        console=ConsoleConfig(plain=options["plain"], events=options["events"]),
    )


def _process_config(options: Mapping[str, Any]) -> ProcessConfig:
    return ProcessConfig(
        workers=options["workers"] or ProcessConfig().workers,
        threads=options["threads"],
        access_log=options["access_log"],
        preload=options["preload"],
        warm=options["warm"],
        preload_exclude=options["preload_exclude"],
        boot_timeout=options["boot_timeout"],
        drain=options["drain"],
        stop=options["stop_timeout"],
        handover=options["handover"],
        loop=options["loop"],
    )


@click.command(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("target", required=False, envvar=f"{PREFIX}_TARGET")
@click.argument("args", nargs=-1)
@with_options
@click.version_option(__version__, message="devserver %(version)s", allow_from_autoenv=False)
@click.pass_context
def command(ctx: click.Context, /, target: str | None, args: tuple[str, ...], **options: Any) -> int:
    """Serve TARGET, and run each save's code without cutting a connection."""
    from_project = ctx.get_parameter_source("target") is ParameterSource.DEFAULT_MAP
    located = locate(target, ctx.obj if from_project else Path.cwd())
    if options["ssl_keyfile"] and not options["ssl_certfile"]:
        raise UsageError("--ssl-keyfile is a key without a certificate: name that with --ssl-certfile")
    for name in ("ssl_certfile", "ssl_keyfile"):  # in the project's file they are named from its folder
        if options[name] and ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP:
            options[name] = str(ctx.obj / options[name])
    named = msgspec.structs.replace(located.target, argv=args, factory=options["factory"])
    return run(_config(Located(named, located.file, located.root), options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: those of this process); return its exit code."""
    _fill_standard_streams()
    for sentence in _strangers(os.environ):
        _say(f"warning: {sentence}", 0)
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


def _strangers(variables: Iterable[str]) -> Iterator[str]:
    """Return a sentence for each variable that looks like an option and is none."""
    known = [f"{PREFIX}_{param.name.upper()}" for param in command.params if param.name]
    for name in sorted(variables):
        if name.startswith(f"{PREFIX}_") and name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "devserver --help lists the options."
            yield f"{name} is no option and is ignored; {hint}"


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
