"""The Master's listeners: on the addresses that the command names, and on default ports.

Law: a named port that is in use is an error. Instead of a default port that is in use, it uses and reports
the next free one.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import stat
from collections.abc import Callable, Container, Mapping
from typing import Any, Literal

from devserver.common.errors import ListenError
from devserver.common.events import Listener
from devserver.config import Address, ListenConfig
from devserver.master.listen.port_owner import owner_of
from devserver.master.listen.tls import tls_context

BACKLOG = 2048
PORTS_TRIED = 100
SHOWN = ("http", "https", "tcp", "uds")
"""The kinds in the order in which users see them."""
ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""The errors of a machine without such an address, or without IPv6."""

Port = Literal["http", "tcp"]
Factories = Mapping[str, Callable[[], asyncio.Protocol]]
"""The factories of protocols for new connections: for `http` (also HTTPS), `tcp` and `uds`."""

_OPTIONS: dict[Port, tuple[str, str]] = {
    "http": ("--port", "--host and --port"),
    "tcp": ("--tcp HOST:PORT", "--tcp HOST:PORT"),
}
"""The options for another port, and for another address."""


class Listeners:
    """Opens and closes listeners, never their connections. `on_plain`: a client speaks HTTP to HTTPS."""

    def __init__(
        self, config: ListenConfig, factories: Factories, on_plain: Callable[[], None] = lambda: None
    ) -> None:
        self._on_plain = on_plain
        self._config = config
        self._factories = factories
        self._open: list[tuple[Listener, asyncio.Server]] = []
        self._tls: ssl.SSLContext | None = None
        self.by_default = not config.tcp and not config.uds
        """The TCP port is the default one: open only while the code serves TCP."""

    @property
    def all(self) -> tuple[Listener, ...]:
        """Return the open listeners, with real ports."""
        return tuple(
            sorted((listener for listener, _ in self._open), key=lambda each: SHOWN.index(each.kind))
        )

    async def open_first(self) -> str:
        """Open every named address, and HTTP's default one if no HTTP address and no Unix socket is named.

        Returns a remark for the user, "" for none. Raises UsageError for an address that cannot be bound.
        """
        config = self._config
        if config.certfile:
            self._tls = tls_context(config.certfile, config.keyfile, self._on_plain)
        for address in config.http:
            await self._serve("http", _bind_named("http", address))
        for address in config.tcp:
            await self._serve("tcp", _bind_named("tcp", address))
        for path in dict.fromkeys(config.uds):
            await self._serve_unix(path)
        return "" if config.http or config.uds else await self._open_default("http", config.default_http)

    async def open_tcp(self) -> str:
        """Open the default TCP address or the next free port; return a remark for the user, "" for none."""
        return await self._open_default("tcp", self._config.default_tcp)

    def close(self, kinds: Container[str] = SHOWN) -> None:
        """Stop accepting; connections stay open."""
        for listener, server in self._open:
            if listener.kind in kinds:
                server.close()
                if listener.kind == "uds":
                    _unlink_socket(listener.address)
        self._open = [each for each in self._open if each[0].kind not in kinds]

    async def _open_default(self, kind: Port, wanted: Address) -> str:
        for port in range(wanted.port, min(wanted.port + PORTS_TRIED, 65536)):
            try:
                sockets = _bind(Address(host=wanted.host, port=port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise ListenError(_sentence(kind, wanted, error)) from error
                continue
            await self._serve(kind, sockets)
            if port == wanted.port:
                return ""
            return f"port {wanted.port} is in use{_by_whom(wanted.port)}: listening on {port} instead"
        raise ListenError(f"no free port from {wanted.port} on: name one with {_OPTIONS[kind][0]}")

    async def _serve(self, kind: Port, sockets: list[socket.socket]) -> None:
        tls = self._tls if kind == "http" else None
        for sock in sockets:
            host, port = sock.getsockname()[:2]
            server = await asyncio.get_running_loop().create_server(
                self._factories[kind], sock=sock, backlog=BACKLOG, ssl=tls
            )
            self._open.append((Listener("https" if tls else kind, host, port), server))

    async def _serve_unix(self, path: str) -> None:
        server = await asyncio.get_running_loop().create_unix_server(
            self._factories["uds"], sock=_bind_unix(path), backlog=BACKLOG
        )
        self._open.append((Listener("uds", path), server))


def _bind_named(kind: Port, address: Address) -> list[socket.socket]:
    try:
        return _bind(address)
    except OSError as error:
        raise ListenError(_sentence(kind, address, error)) from error


def _bind(address: Address) -> list[socket.socket]:
    """Listen on every address of the host, all with one port. Raises OSError."""
    try:
        found = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except UnicodeError as error:  # a label of the name is empty or too long
        raise OSError(errno.EINVAL, "not a host's name") from error
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, where in dict.fromkeys((each[0], each[4]) for each in found):
        port = sockets[0].getsockname()[1] if sockets else address.port
        try:
            sockets.append(_listen(family, (where[0], port, *where[2:])))
        except OSError as error:
            if error.errno in ABSENT:
                absent = error
                continue
            for sock in sockets:
                sock.close()
            if sockets and not address.port:
                return _bind(address)  # the kernel's port for one address is not free on another
            raise
    if absent and not sockets:
        raise absent
    return sockets


def _listen(family: int, where: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(BACKLOG)  # at once: two sockets may bind one port, but only one may listen
    except OSError:
        sock.close()
        raise
    return sock


def _sentence(kind: Port, address: Address, error: OSError) -> str:
    where = str(Listener(kind, address.host, address.port)).partition("://")[2]
    other_port, other_address = _OPTIONS[kind]
    if error.errno == errno.EADDRINUSE:
        pid = owner_of(address.port)
        if pid == os.getpid():
            return f"{where} is given twice: each listener needs its own address"
        who = f"process {pid}" if pid else "another process"
        return f"{where} is in use by {who}: stop it, or choose another port with {other_port}"
    return f"cannot listen on {where} ({error.strerror}): choose another address with {other_address}"


def _by_whom(port: int) -> str:
    pid = owner_of(port)
    if pid == os.getpid():
        return " by another listener of this server"
    return f" by process {pid}" if pid else ""


def _bind_unix(path: str) -> socket.socket:
    """Bind a Unix socket with the umask's mode: unlike a port, a file can keep other users out."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_answered(path):
            raise ListenError(
                f"{path} is in use by another process: stop it, or choose another path with --uds"
            )
        _unlink_socket(path)  # a leftover: no process answers there
        sock.bind(path)
    except OSError as error:
        why = "there is another file" if error.errno == errno.EADDRINUSE else error.strerror or error
        raise ListenError(f"cannot listen on {path} ({why}): choose another path with --uds") from error
    return sock


def _is_answered(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


def _unlink_socket(path: str) -> None:
    try:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        pass
