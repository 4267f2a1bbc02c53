"""The options of `devserver TARGET`: their names, kinds, defaults and help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import click

from devserver.cli import option_values as values
from devserver.cli import other_servers
from devserver.config import HttpConfig, ListenConfig, ProcessConfig

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_LISTEN = ListenConfig()
_HTTP = HttpConfig()
_PROCESS = ProcessConfig()


def with_options(function: Decorated) -> Decorated:
    """Give a command all options, in their order in --help, and those of other servers."""
    for title, options in (*reversed(GROUPS.items()), ("", other_servers.OPTIONS)):
        for option in reversed(options):
            function = option(function)
            function.__click_params__[-1].group = title  # type: ignore[attr-defined]
    return function


class _Option(click.Option):
    """An option with the names that other servers have for it, too; --help does not show those."""

    def __init__(self, names: Sequence[str], aliases: Sequence[str] = (), **settings: Any) -> None:
        name = next(name for name in names if name.startswith("--")).partition("/")[0].lstrip("-")
        super().__init__([*names, *aliases, name.replace("-", "_")], **settings)
        self._aliases = aliases

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        every, self.opts = self.opts, [name for name in self.opts if name not in self._aliases]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every


LEVELS = ("critical", "error", "warning", "info", "debug", "trace")

_default = partial(click.option, show_default=True)
_time = partial(_default, type=values.seconds, metavar="SECONDS")
_resume = partial(_default, type=click.Choice(["resume", "close"]))

_LISTENING = (
    click.option(
        "--host",
        type=values.host,
        metavar="HOST",
        show_default=_LISTEN.default_http.host,
        help="Listen for HTTP here; 0.0.0.0: on every interface.",
    ),
    click.option(
        "-p",
        "--port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        show_default=f"{_LISTEN.default_http.port} or the next free one",
        help="Listen for HTTP on this port, and no other. 0: any.",
    ),
    click.option(
        "--uds",
        multiple=True,
        type=values.socket_path,
        metavar="PATH",
        help="Listen on this Unix socket, and by default on no port. Repeatable.",
    ),
    click.option(
        "--tcp",
        multiple=True,
        type=values.address,
        metavar="HOST:PORT",
        help="Listen for TCP handlers here. Repeatable; port 0: any.",
    ),
    click.option(
        "--ssl-certfile",
        cls=_Option,
        aliases=("--cert", "--certfile"),
        default="",
        metavar="FILE",
        help="Speak HTTPS with this certificate (PEM).",
    ),
    click.option(
        "--ssl-keyfile",
        cls=_Option,
        aliases=("--key", "--keyfile"),
        default="",
        metavar="FILE",
        help="Its key, if it lies in another file.",
    ),
)
_HTTP_OPTIONS = (
    click.option(
        "--root-path",
        default="",
        metavar="PATH",
        help="Path at which a proxy serves the app: ASGI root_path.",
    ),
    _default(
        "--proxy-headers/--no-proxy-headers",
        default=_HTTP.proxy_headers,
        help="Believe X-Forwarded-For and -Proto.",
    ),
    click.option(
        "--forwarded-allow-ips",
        default="",
        metavar="IPS",
        show_default="$FORWARDED_ALLOW_IPS or 127.0.0.1,::1",
        help="Believe these proxies only: addresses, networks or *.",
    ),
    click.option(
        "--allow-host",
        multiple=True,
        type=values.allowed,
        metavar="GLOB",
        help="Answer under this name too (the Host header). Repeatable.",
    ),
    _default(
        "--browser-reload/--no-browser-reload",
        default=_HTTP.browser_reload,
        help="Refresh pages in browsers after each save.",
    ),
    _default(
        "--error-page/--no-error-page",
        default=_HTTP.error_page,
        help="Show errors in browsers on this machine if the app has no page for a 500.",
    ),
    _resume(
        "--websockets",
        default=_HTTP.websockets,
        help="What happens to open WebSockets when new code goes live.",
    ),
    _resume("--streams", default=_HTTP.streams, help="The same for event streams with ids."),
    _time(
        "--stream-limit",
        default=_HTTP.stream_limit,
        help="How long event streams without ids, and tasks that requests left behind, may go on.",
    ),
)
_RUNNING = (
    click.option("--factory/--no-factory", help="Call the attribute: what it returns is the app."),
    click.option(
        "-w",
        "--workers",
        type=click.IntRange(min=1),
        show_default="1 for an app, 2 for handlers",
        help="Worker processes.",
    ),
    _default(
        "--threads", type=click.IntRange(min=1), default=_PROCESS.threads, help="Threads of a WSGI app."
    ),
    _default(
        "--loop",
        type=click.Choice(["auto", "asyncio", "uvloop"]),
        default=_PROCESS.loop,
        help="The event loop of async code. auto: uvloop if installed.",
    ),
    click.option(
        "--env-file", default="", metavar="FILE", help="The app's variables; default: the project's .env."
    ),
    click.option("--app-dir", metavar="DIR", help="Look for TARGET in this folder, and import from it."),
    click.option(
        "--background/--no-background",
        cls=_Option,
        aliases=("--daemon", "-D"),
        help="Return once it is live, and leave it running: devserver stop ends it.",
    ),
    _default(
        "--control/--no-control",
        default=True,
        help="Answer devserver status, wait, stop … over a socket that only you can use.",
    ),
)
_RELOADING = (
    _time(
        "--boot-timeout",
        default=_PROCESS.boot_timeout,
        help="How long new code may take to import and start. 0: no limit.",
    ),
    _time(
        "--drain", default=_PROCESS.drain, help="How long a replaced worker may take to finish its requests."
    ),
    _time(
        "--stop-timeout",
        cls=_Option,
        aliases=("--timeout-graceful-shutdown",),
        default=_PROCESS.stop,
        help="The same when the server stops, or for an idle worker's shutdown.",
    ),
    _default(
        "--handover",
        type=click.Choice(["auto", "overlap", "exclusive"]),
        default=_PROCESS.handover,
        help="Start a new worker beside the old one, or after it.",
    ),
    _default(
        "--preload",
        type=click.Choice(["auto", "off"]),
        default=_PROCESS.preload,
        help="Import installed packages once, ahead of the next workers.",
    ),
    click.option(
        "--preload-exclude",
        multiple=True,
        metavar="GLOB",
        help="Modules that each worker imports by itself. Repeatable.",
    ),
    _default(
        "--warm",
        type=click.Choice(["auto", "off"]),
        default=_PROCESS.warm,
        help="Fork workers from an image of the imported app where that is exact. off: always import it.",
    ),
)
_WATCHING = (
    click.option(
        "--watch",
        cls=_Option,
        aliases=("--reload-dir",),
        multiple=True,
        metavar="DIR",
        help="Watch this folder as well as the project's: its modules, templates, --also globs. Repeatable.",
    ),
    click.option(
        "--also",
        cls=_Option,
        aliases=("--reload-include",),
        multiple=True,
        metavar="GLOB",
        help="Reload for these files too. Repeatable.",
    ),
    click.option(
        "--assets",
        multiple=True,
        metavar="GLOB",
        help="Only refresh pages for these files; replace no worker. Repeatable.",
    ),
    click.option(
        "--exclude",
        cls=_Option,
        aliases=("--reload-exclude",),
        multiple=True,
        metavar="GLOB",
        help="Do not watch these, as in .gitignore. Repeatable.",
    ),
    click.option("--poll/--no-poll", help="Look at the files regularly: for mounts that report no changes."),
)
_SHOWING = (
    _default(
        "--access-log/--no-access-log", default=_PROCESS.access_log, help="Log each request, as uvicorn does."
    ),
    click.option(
        "--log-level",
        type=click.Choice(["", *LEVELS]),
        default="",
        metavar=f"[{'|'.join(LEVELS)}]",
        show_default="info",
        help="Level of the loggers uvicorn, uvicorn.error and uvicorn.access.",
    ),
    click.option(
        "--log-config", default="", metavar="FILE", help="Set up logging from this file: .json, .yaml, .ini."
    ),
    click.option("--plain/--no-plain", help="One line per event, also in a terminal."),
    click.option(
        "--editor",
        type=values.editor,
        metavar="NAME|URL",
        show_default="the one whose terminal this is, else plain links",
        help="Open links to files in: vscode, cursor, pycharm …, or a URL with {path} and {line}.",
    ),
    click.option(
        "--hide-requests",
        multiple=True,
        metavar="GLOB",
        help="Hide requests for these paths, unless they failed. Repeatable.",
    ),
    _default(
        "--notify",
        type=click.Choice(["off", "bell", "osc9"]),
        default="off",
        help="Notify you when code is refused or fails.",
    ),
    click.option(
        "--events", type=values.events, default="", metavar="FILE|-|fd:N", help="Write events as JSON lines."
    ),
)
GROUPS = {
    "Where to listen": _LISTENING,
    "HTTP": _HTTP_OPTIONS,
    "What runs": _RUNNING,
    "Reloading": _RELOADING,
    "What is watched": _WATCHING,
    "What is shown": _SHOWING,
}
"""The options, by what they are about."""
