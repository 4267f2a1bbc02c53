"""The command line: the only place that turns errors into sentences on stderr and exit codes.

Law: flags > environment (DEVSERVER_*) > [tool.devserver] of the nearest pyproject.toml > config's defaults.
Exit code 0 is a graceful stop, 2 a command that cannot be carried out as given, 1 any other failure.
"""

from __future__ import annotations

import itertools
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource
from msgspec import Struct

from devserver import __version__
from devserver.cli import commands, other_servers
from devserver.cli.configure import config_of
from devserver.cli.help import GroupedCommand
from devserver.cli.options import with_options
from devserver.cli.pyproject import PREFIX, Settings, dotenv_variables, options_in, read_settings, with_dotenv
from devserver.cli.target import Located, locate
from devserver.common.errors import DevserverError, UsageError
from devserver.config import Config

OTHER_VARIABLES = (f"{PREFIX}_EDITOR",)
"""Our environment variables that are not options."""


def run(config: Config) -> int:
    """Serve until asked to stop; return the exit code. Imports late: --help and a bad option cost nothing.

    The first Manager starts during the imports, but only after `--events` is opened: `fd:N` must mean the
    caller's descriptor.
    """
    from devserver.master.supervision import spawn
    from devserver.reporting.line_writer import open_events

    stream = open_events(config.console.events) if config.console.events else None
    try:
        with suppress(OSError):  # `serve` tries again, and reports it
            spawn.spawn_ahead()
        from devserver.serve import run as serve

        return serve(config, stream, options_in)
    finally:
        spawn.discard()


class Invocation(Struct, frozen=True):
    """The command's context beside its options. `serve` takes the settings; None: serve them."""

    settings: Settings
    serve: Callable[[Config], int] | None = None


@click.command(
    cls=GroupedCommand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.argument("target", required=False, envvar=f"{PREFIX}_TARGET")
@click.argument("args", nargs=-1)
@with_options
@click.version_option(__version__, message="devserver %(version)s", allow_from_autoenv=False)
@click.pass_context
def command(ctx: click.Context, /, target: str | None, args: tuple[str, ...], **options: Any) -> int:
    """Serve TARGET, and run each save's code without cutting a connection."""
    invocation: Invocation = ctx.obj
    folder = invocation.settings.folder
    from_project = ctx.get_parameter_source("target") is ParameterSource.DEFAULT_MAP
    start = folder if from_project else Path.cwd()
    if options["app_dir"]:
        from_file = ctx.get_parameter_source("app_dir") is ParameterSource.DEFAULT_MAP
        start = _app_dir(folder if from_file else Path.cwd(), options["app_dir"])
    located = locate(target, start)
    if options["ssl_keyfile"] and not options["ssl_certfile"]:
        raise UsageError("--ssl-keyfile needs a certificate: name it with --ssl-certfile")
    for name in ("ssl_certfile", "ssl_keyfile"):  # in the project's file they are relative to its folder
        if options[name] and ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP:
            options[name] = str(folder / options[name])
    from_file = ctx.get_parameter_source("watch") is ParameterSource.DEFAULT_MAP
    options["watch"] = _watched(folder if from_file else Path.cwd(), options["watch"])
    for name in ("env_file", "log_config"):
        from_file = ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP
        options[name] = _existing(folder if from_file else Path.cwd(), options[name], name)
    named = msgspec.structs.replace(located.target, argv=args, factory=options["factory"])
    config = config_of(Located(named, located.file, located.root), options)
    if invocation.serve is not None:
        return invocation.serve(config)
    if options["background"]:
        from devserver.cli.detach import detach

        return detach(lambda: run(config), str(located.root), config.name)
    return run(config)


def _env_file(arguments: Sequence[str], settings: Settings) -> Path:
    """Return the path of the .env to read, before the command line is parsed."""
    given = itertools.takewhile(lambda each: each != "--", arguments)
    named = ""
    for before, after in itertools.pairwise([*given, ""]):
        if before == "--env-file":
            named = after
        elif before.startswith("--env-file="):
            named = before.partition("=")[2]
    if named or (named := os.environ.get(f"{PREFIX}_ENV_FILE", "")):
        return Path.cwd() / named
    return settings.folder / str(settings.values.get("env_file", ".env"))


def _watched(start: Path, folders: Sequence[str]) -> tuple[str, ...]:
    """Return the real paths of the folders that --watch names. Raises UsageError."""
    found = []
    for named in folders:
        folder = (start / named).resolve()
        if not folder.is_dir():
            raise UsageError(f"--watch {named}: there is no folder {folder}")
        if folder in (Path(folder.anchor), Path(os.path.expanduser("~"))):
            raise UsageError(f"--watch {named}: {folder} is too large to watch: name a folder below it")
        found.append(str(folder))
    return tuple(dict.fromkeys(found))


def _existing(start: Path, named: str, option: str) -> str:
    """Return the real path of the file that an option names, empty without one. Raises UsageError."""
    if not named:
        return ""
    file = (start / named).resolve()
    if not file.is_file():
        raise UsageError(f"--{option.replace('_', '-')} {named}: there is no file {file}")
    return str(file)


def _app_dir(start: Path, named: str) -> Path:
    folder = start / named
    if not folder.is_dir():
        raise UsageError(f"--app-dir {named}: there is no folder {folder}")
    return folder


def serve_with(arguments: Sequence[str], serve: Callable[[Config], int] | None = None) -> int:
    """Give `serve` the settings that `devserver ARGUMENTS` serves with (None: serve); return what it returns.

    Raises what click raises, and DevserverError.
    """
    settings = read_settings(_folder(), command)
    dotenv = _env_file(arguments, settings)
    variables = dotenv_variables(dotenv)
    for sentence in (*_unknown_variables(os.environ), *_unknown_variables(variables, f" in {dotenv}")):
        _report(f"warning: {sentence}", 0)
    settings = with_dotenv(settings, dotenv, variables, command)
    code = command.main(
        list(arguments),
        prog_name="devserver",
        standalone_mode=False,
        auto_envvar_prefix=PREFIX,
        default_map=settings.values,
        obj=Invocation(settings, serve),
    )
    return int(code or 0)


def config_for(arguments: Sequence[str]) -> Config:
    """Return the settings that `devserver ARGUMENTS` serves with. Raises what `serve_with` raises."""
    found: list[Config] = []

    def keep(config: Config) -> int:
        found.append(config)
        return 0

    serve_with(arguments, keep)
    return found[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: those of this process); return its exit code."""
    _fill_standard_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _carry_out(given)
    except click.ClickException as error:
        return _report(_sentence(error), error.exit_code)
    except click.Abort:
        return _report("interrupted", 130)
    except DevserverError as error:
        return commands.report_failure(given, error, _report)
    except Exception as error:  # a bug of devserver's: one line for the user, the traceback on demand
        if sys.flags.dev_mode:
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        return _report(f"internal error: {what}; PYTHONDEVMODE=1 shows the traceback", 1)


def _carry_out(given: list[str]) -> int:
    if completing := os.environ.get("_DEVSERVER_COMPLETE"):
        return commands.complete(command, completing)
    if given and given[0] in commands.SERVING:
        del given[0]
    elif given and given[0] in commands.COMMANDS:
        return commands.run(given[0], given[1:])
    return serve_with(given)


def _unknown_variables(variables: Iterable[str], where: str = "") -> Iterator[str]:
    """Return a sentence for each variable that looks like an option but is not one."""
    known = [f"{PREFIX}_{param.name.upper()}" for param in command.params if param.name]
    known += OTHER_VARIABLES
    for name in sorted(variables):
        if name.startswith(f"{PREFIX}_") and name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "devserver --help lists the options."
            yield f"{name}{where} is no option and is ignored; {hint}"


def _fill_standard_streams() -> None:
    """Open /dev/null for each closed standard stream, or a socket of devserver's would get its number."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number: `fd`


def _sentence(error: click.ClickException) -> str:
    """Return click's message with where the value came from, if it was not given as a flag."""
    text = error.format_message()
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error)
    if not isinstance(error, click.BadParameter) or not error.ctx or not error.param or not error.param.name:
        return text
    match error.ctx.get_parameter_source(error.param.name):
        case ParameterSource.ENVIRONMENT:
            return f"{text.rstrip('.')} (from {PREFIX}_{error.param.name.upper()})."
        case ParameterSource.DEFAULT_MAP:
            file = error.ctx.obj.settings.files.get(error.param.name, "pyproject.toml")
            return f"{text.rstrip('.')} (from {file})."
    return text


def _no_such_option(error: click.NoSuchOption) -> str:
    """Return what to do instead: the equivalent of another server's option, or the nearest option."""
    used = error.ctx.command if error.ctx else command
    if used is command and error.option_name in other_servers.ADVICE:
        return other_servers.ADVICE[error.option_name]
    names = [name for param in used.params for name in (*param.opts, *param.secondary_opts) if name[0] == "-"]
    near = get_close_matches(error.option_name, names, 1)
    text = f"there is no option {error.option_name}" + (f": did you mean {near[0]}?" if near else ".")
    return f"{text} Options of the app go after --." if used is command else text


def _folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the folder you are in is gone: change to another one") from error


def _report(sentence: str, code: int) -> int:
    click.echo(f"devserver: {' '.join(sentence.split())}", err=True)
    return code
