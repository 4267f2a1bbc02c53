"""Who may talk to a development server: what a browser can be lured into sending is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.master.http.host_check import MOST_REMEMBERED, HostCheck


def status(
    host: bytes | None = b"localhost:8000", origin: bytes | None = None, guard: HostCheck | None = None
) -> int:
    """Return the status of the refusal of a WebSocket, 0 if it is let in."""
    headers = [(b"accept", b"*/*")]
    headers += [] if host is None else [(b"host", host)]
    headers += [] if origin is None else [(b"origin", origin)]
    refusal = (guard or HostCheck("127.0.0.1", ())).refuses(headers, websocket=True)
    return refusal.status if refusal else 0


@pytest.mark.parametrize(
    "host",
    [
        *(b"127.0.0.1", b"127.0.0.1:8000", b"192.168.1.20:80", b"8.8.8.8", b"0.0.0.0:8000"),
        *(b"[::1]", b"[::1]:8000", b"[fe80::1]", b"[::ffff:127.0.0.1]:1", b"[FD00::1]:65535"),
        *(
            b"localhost",
            b"localhost:8000",
            b"LocalHost:8000",
            b"localhost.",
            b"localhost.:8000",
            b"localhost:",
        ),
        *(b"shop.localhost", b"a.b.localhost:3000", b"x_y.localhost", b"SHOP.LOCALHOST.:1"),
    ],
)
def test_this_machine_and_every_address_are_let_in(host: bytes) -> None:
    """A request to an address or to localhost, however many labels stand before it, is answered."""
    assert status(host) == 0


@pytest.mark.parametrize(
    "host",
    [
        *(b"evil.com", b"evil.com:8000", b"EVIL.COM.", b"rebind.evil.com", b"localhost.evil.com"),
        *(
            b"127.0.0.1.evil.com",
            b"7f000001.rbndr.us",
            b"127.0.0.1.nip.io",
            b"evillocalhost",
            b"localhost-evil.com",
        ),
        *(
            b"1.evil",
            b"my_service:8000",
            b"xn--bcher-kva.de",
            b"local",
            b"0x7f.evil.com",
            b"localhost.localdomain",
        ),
    ],
)
def test_foreign_names_are_refused(host: bytes) -> None:
    """A name that an attacker could point at this machine is refused, whatever it looks like."""
    assert status(host) == 403


@pytest.mark.parametrize(
    "host",
    [
        *(
            b"",
            b" ",
            b".",
            b":",
            b":80",
            b"..",
            b"localhost..",
            b".localhost",
            b"a..localhost",
            b"-.localhost",
        ),
        *(
            b"[::1].evil",
            b"[::1",
            b"::1",
            b"[]",
            b"[::1]]",
            b"[::1%25eth0]",
            b"[127.0.0.1]",
            b"[:::1]",
            b"[::1]evil",
        ),
        *(
            b"localhost:80@evil.com",
            b"user@localhost",
            b"evil.com@localhost",
            b"localhost:80:80",
            b"localhost:x",
        ),
        *(b"localhost:65536", b"localhost:-1", b"localhost:+1", b"localhost:000080", b"localhost:\xb2"),
        *(b"localhost\n", b"localhost\r\nx: y", b"\nlocalhost", b"localhost ", b" localhost", b"localhost\0"),
        *(
            b"localhost%2eevil.com",
            b"%6cocalhost",
            b"localhost/",
            b"localhost#x",
            b"localhost?x",
            b"localhost\\x",
        ),
        *(b"localhost,evil.com", b"localhost;x", b"http://localhost", b"*", b"*.localhost", b"<script>"),
        *(b"127.0.0.1.", b"127.1", b"127.0.0.01", b"0177.0.0.1", b"0x7f.0.0.1", b"0x7f000001", b"2130706433"),
        *(b"127.0.0.256", b"127.0.0", b"127.0.0.1.1", b"1.2.3.0x", b"evil.123", b"127.0.0.1%00", b"0x"),
        *(
            "bücher.de".encode(),
            "ⓛocalhost".encode(),
            "localhost。".encode(),
            "１２７.0.0.1".encode(),
            b"\xff",
        ),
        *(b"a" * 64 + b".localhost", b"a." * 130 + b"localhost", b"x" * 100_000, b"1." * 100_000, b"[" * 300),
    ],
)
def test_what_is_no_clear_host_is_malformed(host: bytes) -> None:
    """An odd Host is not guessed at: it is a bad request."""
    assert status(host) == 400
    assert status(host, guard=HostCheck("", ("*",))) == 400


def test_a_request_without_a_host_is_let_in_and_one_with_two_is_not() -> None:
    """HTTP/1.0 and Unix sockets need none; two would be read differently by two readers."""
    guard = HostCheck("127.0.0.1", ())
    assert guard.refuses([], websocket=False) is None
    for second in (b"host", b"Host"):
        twice = [(b"host", b"localhost"), (b"accept", b"*/*"), (second, b"localhost")]
        refusal = guard.refuses(twice, websocket=False)
        assert refusal is not None
        assert refusal.status == 400


def test_the_refusal_names_the_host_and_the_flag() -> None:
    """A client that is refused by mistake reads what to do."""
    refusal = HostCheck("127.0.0.1", ()).refuses([(b"host", b"Shop.Test:8000")], websocket=False)
    assert refusal is not None
    assert "shop.test" in refusal.text
    assert "--allow-host shop.test" in refusal.text
    refusal = HostCheck("", ()).refuses([(b"origin", b"https://shop.test")], websocket=True)
    assert refusal is not None
    assert "--allow-host shop.test" in refusal.text


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("shop.test", b"shop.test", b"a.shop.test"),
        ("Shop.Test.", b"SHOP.test:8000", b"shop.test.evil.com"),
        ("*.shop.test", b"a.b.shop.test", b"shop.test"),
        ("web-?", b"web-1", b"web-12"),
        ("bücher.de", b"xn--bcher-kva.de", b"bcher.de"),
        ("shop.test", b"shop.test.", b"shopxtest"),
    ],
)
def test_names_that_are_allowed_pass(glob: str, inside: bytes, outside: bytes) -> None:
    """--allow-host takes whole names and globs, in any case, and a page of such a host may connect."""
    guard = HostCheck("127.0.0.1", ("other", glob))
    assert status(inside, guard=guard) == 0
    assert status(outside, guard=guard) == 403
    assert status(origin=b"https://" + inside, guard=guard) == 0
    assert status(origin=b"https://" + outside, guard=guard) == 403


def test_a_star_allows_every_name_and_every_page() -> None:
    """Who allows all is asked no more."""
    guard = HostCheck("127.0.0.1", ("*",))
    assert status(b"evil.com", b"https://other.com", guard) == 0
    assert status(origin=b"null", guard=guard) == 0


def test_the_name_that_was_listened_on_passes() -> None:
    """--host takes a name too; it is no glob."""
    assert status(b"MyBox.lan:8000", b"http://mybox.lan:5173", HostCheck("mybox.lan", ())) == 0
    assert status(b"other.lan", guard=HostCheck("*", ())) == 403
    assert status(b"mybox.lan", guard=HostCheck("", ())) == 403


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        (None, b"localhost", 0),
        (b"http://localhost:5173", b"127.0.0.1:8000", 0),
        (b"https://app.localhost", b"localhost:8000", 0),
        (b"capacitor://localhost", b"192.168.1.20:8000", 0),
        (b"http://127.0.0.1:5173", b"localhost:8000", 0),
        (b"http://127.8.8.8", b"localhost:8000", 0),
        (b"http://[::1]:5173", b"localhost:8000", 0),
        (b"http://192.168.1.20:5173", b"192.168.1.20:8000", 0),
        (b"http://[fd00::0:1]:5173", b"[FD00::1]:8000", 0),
        (b"http://192.168.1.21:5173", b"192.168.1.20:8000", 403),
        (b"http://192.168.1.20:5173", None, 403),
        (b"http://192.168.1.20", b"localhost", 403),
        (b"http://[::ffff:8.8.8.8]", b"8.8.8.8", 403),
        (b"null", b"localhost", 403),
        (b"https://evil.com", b"127.0.0.1", 403),
        (b"https://localhost.evil.com", b"127.0.0.1", 403),
        (b"https://127.0.0.1.evil.com", b"127.0.0.1", 403),
        (b"chrome-extension://abcdefghijklmnop", b"localhost", 403),
        (b"NULL", b"localhost", 400),
        (b"", b"localhost", 400),
        (b"localhost", b"localhost", 400),
        (b"http://", b"localhost", 400),
        (b"http://localhost/", b"localhost", 400),
        (b"http://localhost@evil.com", b"localhost", 400),
        (b"http://evil.com http://localhost", b"localhost", 400),
        (b"http://localhost\n", b"localhost", 400),
        (b"http://0x7f000001", b"localhost", 400),
        (b"http://evil.com#http://localhost", b"localhost", 400),
        (b"http://" + b"a" * 100_000, b"localhost", 400),
        (b"\xff://localhost", b"localhost", 400),
    ],
)
def test_a_page_of_this_machine_may_connect_and_others_may_not(
    origin: bytes | None, host: bytes | None, expected: int
) -> None:
    """A page on another port opens a WebSocket to the app; a page from the web cannot."""
    assert status(host, origin) == expected


def test_two_origins_are_refused() -> None:
    """Neither of two is preferred."""
    headers = [(b"origin", b"http://localhost"), (b"Origin", b"http://localhost")]
    refusal = HostCheck("", ()).refuses(headers, websocket=True)
    assert refusal is not None
    assert refusal.status == 400


def test_the_origin_of_a_plain_request_is_the_apps_affair() -> None:
    """A cross-origin fetch gets what the app's own rules give it."""
    headers = [(b"host", b"localhost"), (b"origin", b"https://evil.com")]
    assert HostCheck("", ()).refuses(headers, websocket=False) is None


def test_many_made_up_hosts_are_not_all_remembered() -> None:
    """A client that invents names fills no memory, and the verdicts stay what they are."""
    guard = HostCheck("", ())
    for number in range(3 * MOST_REMEMBERED):
        host = b"n%d.localhost" % number
        assert status(host, b"http://" + host, guard) == 0
        assert status(b"n%d.evil" % number, guard=guard) == 403
    assert len(guard._hosts) <= MOST_REMEMBERED
    assert len(guard._origins) <= MOST_REMEMBERED
    assert status(b"x" * 100_000, guard=guard) == 400
    assert max(map(len, guard._hosts)) < 1000


@given(st.binary(max_size=40) | st.text("localhst.127:[]@%-0x", max_size=20).map(str.encode))
def test_any_bytes_get_the_same_verdict_twice(raw: bytes) -> None:
    """No Host or Origin breaks the guard, and what it remembers is what it found."""
    guard = HostCheck("127.0.0.1", ())
    assert status(raw, guard=guard) == status(raw, guard=guard)
    assert status(origin=raw, guard=guard) == status(origin=raw, guard=guard)
    assert status(origin=b"http://" + raw, guard=guard) == status(origin=b"http://" + raw, guard=guard)


@given(st.ip_addresses())
def test_every_address_is_let_in(address: object) -> None:
    """Any address in its usual spelling passes as a Host, with and without a port."""
    text = f"[{address}]" if ":" in str(address) else str(address)
    assert status(text.encode()) == status(f"{text}:8000".encode()) == 0
