"""The options of the command: their names, kinds, defaults and help.

Law: a value that leaves here is well formed; whether it can be had is found out when it is used.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from functools import partial, reduce
from typing import Any, TypeVar

import click

from devserver.config import Address, HttpConfig, ListenConfig, ProcessConfig

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_LISTEN = ListenConfig()
_HTTP = HttpConfig()
_PROCESS = ProcessConfig()
_ADDRESS = re.compile(r"(?:(?:\[(?P<v6>[^]]+)]|(?P<host>[^:\[\]]*)):)?(?P<port>[0-9]{1,5})")


def with_options(function: Decorated) -> Decorated:
    """Give a command all the options, in their order in --help."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), function)


def http_addresses(host: str | None, port: int | None) -> tuple[Address, ...]:
    """Return what --host and --port name: nothing if neither is given."""
    if host is None and port is None:
        return ()
    default = _LISTEN.default_http
    return (Address(host=host or default.host, port=default.port if port is None else port),)


def _address(value: str) -> Address:
    found = _ADDRESS.fullmatch(value)
    if found is None or int(found["port"]) > 65535:
        raise click.BadParameter(
            f"{value!r} is no HOST:PORT: try 127.0.0.1:9501, [::1]:9501 or, for 127.0.0.1, 9501 alone."
        )
    return Address(host=found["v6"] or found["host"] or "127.0.0.1", port=int(found["port"]))


def _host(value: str) -> str:
    host = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not host or "/" in host or (":" in host and not _is_ipv6(host)):
        raise click.BadParameter(
            f"{value!r} is no host: try 127.0.0.1, ::1, localhost or, for every interface, 0.0.0.0; "
            "the port is given with --port."
        )
    return host


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _allowed(value: str) -> str:
    if not value or set(value) & set("/:"):
        raise click.BadParameter(
            f"{value!r} is no host's name: try shop.example or *.example, without a port."
        )
    return value


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


_default = partial(click.option, show_default=True)
_time = partial(_default, type=_seconds, metavar="SECONDS")
_resume = partial(_default, type=click.Choice(["resume", "close"]))

_LISTENING = (
    click.option(
        "--host",
        type=_host,
        metavar="HOST",
        show_default=_LISTEN.default_http.host,
        help="Listen for HTTP here; 0.0.0.0: on every interface.",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        show_default=f"{_LISTEN.default_http.port} or the next free one",
        help="Listen for HTTP on this port, and no other. 0: any.",
    ),
    click.option(
        "--uds",
        multiple=True,
        type=_socket_path,
        metavar="PATH",
        help="Listen on this Unix socket, and by default on no port. Repeatable.",
    ),
    click.option(
        "--tcp",
        multiple=True,
        type=_address,
        metavar="HOST:PORT",
        help="Listen for TCP handlers here. Repeatable; port 0: any.",
    ),
    click.option(
        "--ssl-certfile", default="", metavar="FILE", help="Speak HTTPS with this certificate (PEM)."
    ),
    click.option("--ssl-keyfile", default="", metavar="FILE", help="Its key, if it lies in another file."),
)
_SPEAKING = (
    click.option(
        "--root-path", default="", metavar="PATH", help="Where a proxy has the app: ASGI root_path."
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
        help="Whose: addresses, networks or *.",
    ),
    click.option(
        "--allow-host",
        multiple=True,
        type=_allowed,
        metavar="GLOB",
        help="Answer under this name too (the Host header). Repeatable.",
    ),
    _default(
        "--browser-reload/--no-browser-reload",
        default=_HTTP.browser_reload,
        help="Have pages in browsers show each save by themselves.",
    ),
    _resume(
        "--websockets",
        default=_HTTP.websockets,
        help="What becomes of open WebSockets when new code goes live.",
    ),
    _resume("--streams", default=_HTTP.streams, help="The same for event streams with ids."),
    _time(
        "--stream-limit",
        default=_HTTP.stream_limit,
        help="How long those without ids, and tasks that requests left behind, may go on.",
    ),
    _default(
        "--preload",
        type=click.Choice(["auto", "off"]),
        default=_PROCESS.preload,
        help="Import what is not the app's own once, ahead of the next Workers.",
    ),
    click.option(
        "--preload-exclude",
        multiple=True,
        metavar="GLOB",
        help="Modules that each Worker imports by itself. Repeatable.",
    ),
    _default(
        "--warm",
        type=click.Choice(["auto", "off"]),
        default=_PROCESS.warm,
        help="Fork workers from an image of the imported app where that is exact. off: import it each time.",
    ),
    _default(
        "--access-log/--no-access-log", default=_PROCESS.access_log, help="Log each request, as uvicorn does."
    ),
)
_RUNNING = (
    click.option("--factory/--no-factory", help="Call the attribute: what it returns is the app."),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        show_default="1 for an app, 2 for handlers",
        help="Worker processes.",
    ),
    _default(
        "--threads", type=click.IntRange(min=1), default=_PROCESS.threads, help="Threads of a WSGI app."
    ),
    _time(
        "--boot-timeout",
        default=_PROCESS.boot_timeout,
        help="How long new code may take to import and start. 0: for ever.",
    ),
    _time(
        "--drain", default=_PROCESS.drain, help="How long a replaced Worker may take to finish what it has."
    ),
    _time(
        "--stop-timeout",
        default=_PROCESS.stop,
        help="The same, when the server stops; or for one with nothing in hand.",
    ),
    _default(
        "--handover",
        type=click.Choice(["auto", "overlap", "exclusive"]),
        default=_PROCESS.handover,
        help="Start a new Worker beside the old one, or after it.",
    ),
    _default(
        "--loop",
        type=click.Choice(["auto", "asyncio", "uvloop"]),
        default=_PROCESS.loop,
        help="The event loop of async code. auto: uvloop if installed.",
    ),
)
_WATCHING = (
    click.option("--also", multiple=True, metavar="GLOB", help="Reload for these files too. Repeatable."),
    click.option(
        "--assets",
        multiple=True,
        metavar="GLOB",
        help="Refresh pages for these files, and replace no worker. Repeatable.",
    ),
    click.option(
        "--exclude", multiple=True, metavar="GLOB", help="Do not watch these, as in .gitignore. Repeatable."
    ),
    click.option("--poll/--no-poll", help="Look at the files regularly: for mounts that tell of no changes."),
    click.option("--plain/--no-plain", help="One line per event, also in a terminal."),
    click.option(
        "--events", type=_events, default="", metavar="FILE|-|fd:N", help="Write events as JSON lines."
    ),
)
_OPTIONS = (*_LISTENING, *_SPEAKING, *_RUNNING, *_WATCHING)
