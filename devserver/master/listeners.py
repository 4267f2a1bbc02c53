"""The addresses that are listened on: opened by name, or by default once there is something to serve."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable

from devserver.config import Address, ListenConfig
from devserver.errors import ListenError
from devserver.events import Listener
from devserver.master.holder import holder
from devserver.wire.messages import Transport

BACKLOG = 2048
PORTS_TRIED = 100

Factory = Callable[[Transport], asyncio.Protocol]


class Listeners:
    """Opens and closes listeners, never their connections."""

    def __init__(self, config: ListenConfig, factory: Factory) -> None:
        self._config = config
        self._factory = factory
        self._open: list[tuple[Listener, asyncio.Server]] = []
        self.by_default = not config.tcp and not config.uds

    @property
    def all(self) -> tuple[Listener, ...]:
        """Return what is listened on now, with real ports."""
        return tuple(listener for listener, _ in self._open)

    async def open_explicit(self) -> None:
        """Open every address that was asked for by name; raises ListenError if one cannot be had."""
        for address in self._config.tcp:
            await self._serve_tcp(_bind_explicit(address))
        for path in dict.fromkeys(self._config.uds):
            sock = _bind_unix(path)
            server = await asyncio.get_running_loop().create_unix_server(
                lambda: self._factory("uds"), sock=sock, backlog=BACKLOG
            )
            self._open.append((Listener("uds", path), server))

    async def open_default(self) -> str:
        """Open the default address or the next free port; return what to say of it, "" for nothing."""
        wanted = self._config.default_tcp
        for port in range(wanted.port, min(wanted.port + PORTS_TRIED, 65536)):
            try:
                sock = _bind(Address(host=wanted.host, port=port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise ListenError(_sentence(wanted, error)) from error
                continue
            await self._serve_tcp(sock)
            return "" if port == wanted.port else f"port {wanted.port} is in use: listening on {port} instead"
        raise ListenError(f"no free port from {wanted.port} on: name one with --tcp HOST:PORT")

    def close(self) -> None:
        """Stop accepting; connections live on."""
        for listener, server in self._open:
            server.close()
            if listener.kind == "uds":
                _unlink_socket(listener.address)
        self._open.clear()

    async def _serve_tcp(self, sock: socket.socket) -> None:
        host, port = sock.getsockname()[:2]
        server = await asyncio.get_running_loop().create_server(
            lambda: self._factory("tcp"), sock=sock, backlog=BACKLOG
        )
        self._open.append((Listener("tcp", host, port), server))


def _bind(address: Address) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except UnicodeError as error:  # a label of the name is empty or too long
        raise OSError(errno.EINVAL, "not a host's name") from error
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(BACKLOG)  # here, because two may bind one port and only one may listen
    except OSError:
        sock.close()
        raise
    return sock


def _bind_explicit(address: Address) -> socket.socket:
    try:
        return _bind(address)
    except OSError as error:
        raise ListenError(_sentence(address, error)) from error


def _sentence(address: Address, error: OSError) -> str:
    where = str(Listener("tcp", address.host, address.port)).removeprefix("tcp://")
    if error.errno == errno.EADDRINUSE:
        pid = holder(address.port)
        if pid == os.getpid():
            return f"{where} is given twice: once is enough"
        who = f"process {pid}" if pid else "another process"
        return f"{where} is in use by {who}: stop it, or choose another port with --tcp HOST:PORT"
    return f"cannot listen on {where} ({error.strerror}): choose another address with --tcp HOST:PORT"


def _bind_unix(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_answered(path):
            raise ListenError(
                f"{path} is in use by another process: stop it, or choose another path with --uds"
            )
        _unlink_socket(path)  # a left-over that nobody answers
        sock.bind(path)
    except OSError as error:
        why = "something else is there" if error.errno == errno.EADDRINUSE else error.strerror or error
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
