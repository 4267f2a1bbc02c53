"""The kinds of option values. Each function parses a text, or raises click.BadParameter.

Law: each value is well formed; whether it works shows only when it is used.
"""

from __future__ import annotations

import ipaddress
import math
import re

import click

from devserver.common import editor_links
from devserver.common.errors import UsageError
from devserver.config import Address, ListenConfig

_ADDRESS = re.compile(r"(?:(?:\[(?P<v6>[^]]+)]|(?P<host>[^:\[\]]*)):)?(?P<port>[0-9]{1,5})")


def address(value: str) -> Address:
    found = _ADDRESS.fullmatch(value)
    if found is None or int(found["port"]) > 65535:
        raise click.BadParameter(
            f"{value!r} is not HOST:PORT: try 127.0.0.1:9501, [::1]:9501 or, for 127.0.0.1, 9501 alone."
        )
    return Address(host=found["v6"] or found["host"] or "127.0.0.1", port=int(found["port"]))


def host(value: str) -> str:
    host = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not host or "/" in host or (":" in host and not _is_ipv6(host)):
        raise click.BadParameter(
            f"{value!r} is not a host: try 127.0.0.1, ::1, localhost or, for every interface, 0.0.0.0; "
            "give the port with --port."
        )
    return host


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def allowed(value: str) -> str:
    if not value or set(value) & set("/:"):
        raise click.BadParameter(
            f"{value!r} is not a host name: try shop.example or *.example, without a port."
        )
    return value


def seconds(value: str | float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise click.BadParameter(f"{value!r} is not a number of seconds, 0 or more.")
    return seconds


def events(value: str) -> str:
    if value.startswith("fd:") and not re.fullmatch("fd:[0-9]{1,9}", value):
        raise click.BadParameter(f"{value!r} names no file descriptor: try fd:3.")
    return value


def editor(value: str) -> str:
    try:
        return editor_links.template(value)
    except UsageError as error:
        raise click.BadParameter(str(error)) from error


def socket_path(value: str) -> str:
    if not value:
        raise click.BadParameter("an empty path names no socket.")
    return value


def http_addresses(host: str | None, port: int | None) -> tuple[Address, ...]:
    """Return the addresses that --host and --port name: none if neither is given."""
    if host is None and port is None:
        return ()
    default = ListenConfig().default_http
    return (Address(host=host or default.host, port=default.port if port is None else port),)
