"""A navigation and its page: what is touched, what is not, and that it stays true."""

from __future__ import annotations

import pytest

from devserver.ipc.messages import Headers
from devserver.master.http.refresh.page import Page, Stamp, is_navigation

HOST = (b"host", b"localhost:8000")
DOCUMENT = (b"sec-fetch-dest", b"document")
HTML = (b"content-type", b"text/html; charset=utf-8")
STAMP = Stamp("run", "live", 3, 7)
TAG = b'<script src="/s.js" data-devserver="run live 3 7"></script>'


def answered(
    *headers: tuple[bytes, bytes], status: int = 200, body: bytes = b"<h1>x", method: str = "GET"
) -> tuple[Headers, bytes, str]:
    """Return the answer to a navigation."""
    page = Page(method, "http", [HOST, DOCUMENT], "/s.js")
    return page.begin((status, list(headers)), body, False, STAMP)


@pytest.mark.parametrize("status", [200, 201, 300, 404, 422, 500, 503])
def test_a_page_gets_the_script(status: int) -> None:
    """Whatever its status is, if a browser shows it; its length is that of what is sent."""
    headers, body, reason = answered(HTML, (b"content-length", b"5"), status=status)
    assert body == TAG + b"<h1>x"
    assert headers == [HTML, (b"content-length", b"%d" % len(body)), (b"vary", b"Sec-Fetch-Dest")]
    assert reason == ""


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, [(b"content-type", b"application/json")]),
        (200, [(b"content-type", b"application/xhtml+xml")]),
        (200, [(b"content-type", b"application/pdf")]),
        (200, []),
        (200, [HTML, (b"content-disposition", b'attachment; filename="a.html"')]),
        (302, [HTML, (b"location", b"/elsewhere")]),
        (304, [HTML, (b"etag", b'"a"')]),
        (204, [HTML]),
        (206, [HTML, (b"content-range", b"bytes 0-4/9")]),
    ],
)
def test_what_is_no_page_is_not_touched(status: int, headers: Headers) -> None:
    """And no reason is given: there is nothing to refresh."""
    assert answered(*headers, status=status) == (headers, b"<h1>x", "")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ((b"content-encoding", b"br"), "it is compressed (br), although the request asked for identity"),
        ((b"cache-control", b"public, no-transform"), "its Cache-Control has no-transform"),
        ((b"repr-digest", b"sha-256=:abc=:"), "its headers have a digest of it"),
        ((b"content-security-policy", b"script-src 'none'"), "its Content-Security-Policy has no nonce"),
    ],
)
def test_a_page_that_cannot_be_touched_is_passed_on(header: tuple[bytes, bytes], reason: str) -> None:
    """As it is, and with a reason for the console."""
    headers, body, said = answered(HTML, header)
    assert (headers, body) == ([HTML, header], b"<h1>x")
    assert said.startswith(reason)


def test_the_nonce_of_the_page_is_on_the_script() -> None:
    """Its policy stays as it is."""
    policy = (b"content-security-policy", b"script-src 'nonce-abc'")
    headers, body, _ = answered(HTML, policy)
    assert body.startswith(b'<script src="/s.js" data-devserver="run live 3 7" nonce="abc"></script>')
    assert policy in headers


def test_the_answer_to_a_form_is_marked() -> None:
    """For its script must not send the form twice."""
    assert b'data-devserver="run live 3 7 form"' in answered(HTML, method="POST")[1]


def test_an_etag_is_that_of_the_page_with_the_script() -> None:
    """A has_gaps one stays has_gaps; a page that could be asked for by its date alone gets one."""
    assert (b"etag", b'W/"a-devserver"') in answered(HTML, (b"ETag".lower(), b'W/"a"'))[0]
    assert (b"etag", b'W/"-devserver"') in answered(HTML, (b"last-modified", b"yesterday"))[0]


def test_a_copy_with_the_script_is_not_asked_for_again() -> None:
    """Its stamp is old; a copy of anybody else is asked for as ever."""
    since = (b"if-modified-since", b"yesterday")
    other = (b"if-none-match", b'"a"')
    ours = (b"if-none-match", b'"a-devserver"')
    assert Page.ask([HOST, DOCUMENT, other, since]) == [HOST, DOCUMENT, other, since]
    assert Page.ask([HOST, ours, DOCUMENT, since]) == [HOST, DOCUMENT]


def test_a_page_is_asked_for_as_it_is() -> None:
    """Not compressed."""
    asked = Page.ask([HOST, (b"accept-encoding", b"gzip, br, zstd"), DOCUMENT])
    assert asked == [HOST, (b"accept-encoding", b"identity"), DOCUMENT]


def test_a_length_that_is_not_known_yet_is_not_claimed() -> None:
    """The head comes alone: a byte order mark may follow, and with it another encoding."""
    page = Page("GET", "http", [HOST, DOCUMENT], "/s.js")
    headers, body, _ = page.begin((200, [HTML, (b"content-length", b"5")]), b"", True, STAMP)
    assert headers == [HTML, (b"vary", b"Sec-Fetch-Dest")]
    assert body + page.go_on(b"<h1>x", False) == TAG + b"<h1>x"


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", [HOST, DOCUMENT], True),
        ("POST", [HOST, DOCUMENT], True),
        ("GET", [HOST, (b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"empty")], True),
        ("GET", [HOST, (b"sec-fetch-mode", b"cors"), (b"sec-fetch-dest", b"empty")], False),
        ("HEAD", [HOST, DOCUMENT], False),
        ("GET", [HOST], False),
        ("GET", [HOST, (b"sec-fetch-dest", b"empty"), (b"hx-request", b"true")], False),
        ("GET", [HOST, (b"sec-fetch-dest", b"iframe")], False),
        ("GET", [HOST, DOCUMENT, (b"range", b"bytes=5-")], False),
    ],
)
def test_only_a_navigation_is_one(method: str, headers: Headers, expected: bool) -> None:
    """Not a frame, a fragment, a script's request or the rest of a download."""
    assert is_navigation(method, headers) is expected
