"""The listeners, with real sockets: which are opened, where, and what stays when they close."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from devserver.common import events
from devserver.common.errors import ListenError, UsageError
from devserver.common.events import Listener
from devserver.config import Address, Config, ListenConfig, WatchConfig
from devserver.ipc.messages import Target
from devserver.master.listen.listeners import Listeners
from devserver.master.listen.policy import ListenPolicy
from tests.harness import free_port
from tests.tls import ENCRYPTED_KEY, OTHER_KEY, trusting, write_pair

ANY = Address(host="127.0.0.1", port=0)
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is there without being set up")


class Greeter(asyncio.Protocol):
    """Says which kind of listener has taken the connection, and echoes."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(f"{self._kind}\n".encode())

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


FACTORIES = {kind: partial(Greeter, kind) for kind in ("http", "tcp", "uds")}


@pytest.fixture
def busy() -> Iterator[int]:
    """Return a port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def opened(config: ListenConfig) -> tuple[list[Listener], str]:
    """Open what is due at the start, and close it; return what was open, and the remark."""

    async def main() -> tuple[list[Listener], str]:
        listeners = Listeners(config, FACTORIES)
        try:
            remark = await listeners.open_first()
            return list(listeners.all), remark
        finally:
            listeners.close()

    return asyncio.run(main())


async def greeting(listener: Listener, **options: Any) -> tuple[str, asyncio.StreamReader, Any]:
    """Connect; return the first line, and the connection."""
    if listener.kind == "uds":
        reader, writer = await asyncio.open_unix_connection(listener.address)
    else:
        reader, writer = await asyncio.open_connection(listener.address, listener.port, **options)
    return (await asyncio.wait_for(reader.readline(), 10)).decode().strip(), reader, writer


def with_names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name have these addresses, as localhost often has two."""

    def fake(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", fake)


def test_each_kind_has_its_own_protocol(short_path: Path) -> None:
    """What is named is opened at the start, and a connection gets what its listener speaks."""

    async def main() -> None:
        uds = str(short_path / "s")
        listeners = Listeners(ListenConfig(http=(ANY,), tcp=(ANY,), uds=(uds, uds)), FACTORIES)
        assert await listeners.open_first() == ""
        assert [listener.kind for listener in listeners.all] == ["http", "tcp", "uds"]
        for listener in listeners.all:
            said, _, writer = await greeting(listener)
            assert said == listener.kind
            writer.close()
        listeners.close()
        assert listeners.all == ()
        assert not Path(uds).exists()

    asyncio.run(main())


def test_http_listens_on_the_next_free_port(busy: int) -> None:
    """Without --host and --port another program may have the default one; it is reported."""
    [listener], remark = opened(ListenConfig(default_http=Address(host="127.0.0.1", port=busy)))
    assert (listener.kind, listener.port > busy) == ("http", True)
    assert remark.startswith(f"port {busy} is in use")
    assert remark.endswith(f": listening on {listener.port} instead")


def test_a_port_for_handlers_that_is_named_goes_before_the_default_one_for_http() -> None:
    """`--tcp 8000` is had; HTTP gives way."""
    free = Address(host="127.0.0.1", port=free_port())
    [http, tcp], remark = opened(ListenConfig(tcp=(free,), default_http=free))
    assert (http.kind, tcp.kind, tcp.port) == ("http", "tcp", free.port)
    assert f"listening on {http.port} instead" in remark


def test_a_unix_socket_opens_no_port(short_path: Path) -> None:
    """It takes HTTP as well, so no port was asked for."""
    assert [each.kind for each in opened(ListenConfig(uds=(str(short_path / "s"),)))[0]] == ["uds"]


def test_a_named_port_in_use_is_refused(busy: int) -> None:
    """No other port is taken for it."""
    with pytest.raises(ListenError, match=f"127.0.0.1:{busy} is "):
        opened(ListenConfig(http=(Address(host="127.0.0.1", port=busy),)))


@only_linux
def test_all_addresses_of_a_name_have_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--host localhost` answers whichever address a browser tries; one that is not there is passed over."""
    with_names(monkeypatch, "127.0.0.1", "198.51.100.1", "127.0.0.2", "127.0.0.1")
    found, _ = opened(ListenConfig(http=(Address(host="localhost", port=0),)))
    assert [listener.address for listener in found] == ["127.0.0.1", "127.0.0.2"]
    assert len({listener.port for listener in found}) == 1


@only_linux
def test_a_name_of_which_one_address_is_taken_is_refused(monkeypatch: pytest.MonkeyPatch, busy: int) -> None:
    """Half of a name would answer some clients and not others."""
    with_names(monkeypatch, "127.0.0.2", "127.0.0.1")
    with pytest.raises(ListenError, match=f"localhost:{busy} is "):
        opened(ListenConfig(http=(Address(host="localhost", port=busy),)))


def test_a_name_without_an_address_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the options that choose another one."""
    with_names(monkeypatch, "198.51.100.1", "198.51.100.2")
    with pytest.raises(ListenError, match=r"cannot listen on box:8000 \(.*\): .* with --host and --port"):
        opened(ListenConfig(http=(Address(host="box", port=8000),)))


def test_with_a_certificate_http_is_https_and_nothing_else_is(tmp_path: Path) -> None:
    """Handlers go on to speak as they did."""
    certfile, keyfile = write_pair(tmp_path)

    async def main() -> None:
        config = ListenConfig(http=(ANY,), tcp=(ANY,), certfile=certfile, keyfile=keyfile)
        listeners = Listeners(config, FACTORIES)
        await listeners.open_first()
        https, tcp = listeners.all
        assert str(https) == f"https://127.0.0.1:{https.port}"
        for listener, said, options in ((https, "http", {"ssl": trusting()}), (tcp, "tcp", {})):
            answer, _, writer = await greeting(listener, **options)
            assert answer == said
            writer.close()
        listeners.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (OTHER_KEY, "key.pem is not that of the certificate in "),
        (ENCRYPTED_KEY, "key.pem is encrypted: give one without a password"),
        ("none", "key.pem do not hold a certificate and its key in PEM form"),
    ],
    ids=["mismatch", "password", "no PEM"],
)
def test_a_key_that_does_not_fit_is_refused(tmp_path: Path, key: str, message: str) -> None:
    """It is found out at the start, and no password is asked for behind the console."""
    certfile, keyfile = write_pair(tmp_path)
    Path(keyfile).write_text(key)
    with pytest.raises(UsageError, match=message):
        opened(ListenConfig(certfile=certfile, keyfile=keyfile))


def test_only_the_default_port_for_handlers_follows_the_code() -> None:
    """It comes and goes with a save; HTTP stays, and so do the connections of what was closed."""
    default = ListenConfig(http=(ANY,), default_tcp=ANY)

    async def main() -> None:
        listen_policy, said = made(default)
        await listen_policy.open_first()
        listen_policy.announce()
        await listen_policy.follow(False)
        assert kinds(said) == [["http"]]
        await listen_policy.follow(True)
        await listen_policy.follow(True)
        _, reader, writer = await greeting(listen_policy.all[1])
        await listen_policy.follow(False)
        assert kinds(said) == [["http"], ["http", "tcp"], ["http"]]
        writer.write(b"still here\n")
        assert await asyncio.wait_for(reader.readline(), 10) == b"still here\n"
        writer.close()
        listen_policy.close()

    asyncio.run(main())


def test_a_named_port_for_handlers_does_not_follow_the_code() -> None:
    """A listener that the user named must be open."""

    async def main() -> None:
        listen_policy, said = made(ListenConfig(http=(ANY,), tcp=(ANY,)))
        await listen_policy.open_first()
        await listen_policy.follow(False)
        await listen_policy.follow(True)
        assert [listener.kind for listener in listen_policy.all] == ["http", "tcp"]
        assert said == []
        listen_policy.close()

    asyncio.run(main())


def test_the_port_that_was_taken_instead_is_reported_when_all_is_open(busy: int) -> None:
    """Nothing is reported before it is sure that the command can be carried out."""

    async def main() -> None:
        listen_policy, said = made(ListenConfig(default_http=Address(host="127.0.0.1", port=busy)))
        await listen_policy.open_first()
        assert said == []
        listen_policy.announce()
        assert [type(event) for event in said] == [events.Notice, events.Listening]
        listen_policy.close()

    asyncio.run(main())


def made(listen: ListenConfig) -> tuple[ListenPolicy, list[events.Event]]:
    """Return doors, and the list of what they say."""
    said: list[events.Event] = []
    config = Config(target=Target("app", ()), watch=WatchConfig(root="/"), listen=listen)
    return ListenPolicy(config, FACTORIES, said.append), said


def kinds(said: list[events.Event]) -> list[list[str]]:
    """Return the kinds of listeners in each report."""
    return [
        [listener.kind for listener in event.listeners]
        for event in said
        if isinstance(event, events.Listening)
    ]
