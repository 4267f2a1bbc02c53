"""What a client of HTTP sees is, byte for byte, what it would see of uvicorn, or as the documents say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.side_by_side import HangUp, Pair, Step, Until, play, side_by_side

HOST = "Host: localhost\r\n"
BYE = f"GET /closing HTTP/1.1\r\n{HOST}\r\n".encode()
"""Ends a connection that the server keeps: its answer shows that nothing is out of step."""


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1", host: str = HOST) -> bytes:
    """Return a request without a body."""
    return (
        f"{method} {path} HTTP/{version}\r\n{host}" + "".join(f"{h}\r\n" for h in headers) + "\r\n"
    ).encode()


def post(body: bytes, *headers: str, path: str = "/echo") -> bytes:
    """Return a request with a body; its length is a header to be given."""
    return get(path, *headers, method="POST") + body


def raw(text: str) -> bytes:
    """Return a request as it stands, with the ends of lines of HTTP."""
    return text.replace("\n", "\r\n").encode("latin-1")


TE = "Transfer-Encoding: chunked"
EXPECT = "Expect: 100-continue"
CONTINUE = Until(b"HTTP/1.1 100 Continue\r\n\r\n")
CHUNKED = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"

KEPT: dict[str, tuple[Step, ...]] = {
    "GET": (get("/echo?a=1&b=%20#no"),),
    "HEAD": (get("/echo", method="HEAD"),),
    "HEAD of chunks": (get("/parts", method="HEAD"),),
    "HEAD of a large answer": (get("/large", method="HEAD"),),
    "POST": (post(b"hello", "Content-Length: 5"),),
    "POST of nothing": (post(b"", "Content-Length: 0"),),
    "PUT without a length": (get("/echo", method="PUT"),),
    "PATCH": (get("/echo", method="PATCH"),),
    "GET with a body": (get("/echo", "Content-Length: 5") + b"hello",),
    "POST in chunks": (post(CHUNKED, TE),),
    "POST in chunks, with a trailer": (post(CHUNKED[:-2] + b"X-Trailer: yes\r\n\r\n", TE),),
    "POST in chunks, with extensions": (post(b"5;a=b\r\nhello\r\n0;c\r\n\r\n", TE),),
    "POST in pieces": (post(b"", "Content-Length: 10"), b"hello", b"world"),
    "POST of a megabyte": (post(b"x" * 1_000_000, "Content-Length: 1000000"),),
    "POST that nobody reads": (post(b"hello", "Content-Length: 5", path="/unread"),),
    "POST of a megabyte that nobody reads": (
        post(b"x" * 1_000_000, "Content-Length: 1000000", path="/unread"),
    ),
    "pipelining": (get("/echo?1") + get("/parts") + post(b"hello", "Content-Length: 5") + get("/unread"),),
    "an empty line before the request": (b"\r\n\r\n" + get("/unread"),),
    "a request byte by byte": tuple(bytes([byte]) for byte in get("/echo?slow")),
    "continue": (post(b"", EXPECT, "Content-Length: 5"), CONTINUE, b"hello"),
    "continue, in chunks": (post(b"", EXPECT, TE), CONTINUE, CHUNKED),
    "continue, not waited for": (post(b"hello", EXPECT, "Content-Length: 5"),),
    "continue, in capitals": (post(b"", "EXPECT: 100-CONTINUE", "Content-Length: 5"), CONTINUE, b"hello"),
    "an unknown expectation": (post(b"hello", "Expect: tea", "Content-Length: 5"),),
    "continue without a body": (get("/echo", EXPECT),),
    "continue without a body, to HEAD": (get("/echo", EXPECT, method="HEAD"),),
    "continue of nothing": (post(b"", EXPECT, "Content-Length: 0"),),
    "continue without a body that nobody reads": (get("/unread", EXPECT),),
    "continue that is not asked for": (
        post(b"", EXPECT, "Content-Length: 5", path="/unread"),
        Until(b"matter"),
        b"hello",
    ),
    "chunks": (get("/parts"),),
    "a large answer": (get("/large"),),
    "headers in every form": (get("/headers"),),
    "no headers": (get("/no-headers"),),
    "204": (get("/204"),),
    "304": (get("/304"),),
    "204 in two parts": (get("/204-empty"),),
    "201": (get("/201"),),
    "599": (get("/599"),),
    "100 as the answer": (get("/100"),),
    "304 with a length": (get("/304-length", method="HEAD"),),
    "chunked by the app": (get("/chunked-by-app"),),
    "duplicate headers": (get("/echo", "X-A: 1", "x-a: 2", "Cookie: a=1", "Cookie: b=2"),),
    "odd headers": (get("/echo", "X-Empty:", "X-Space:   a  b  ", "X-Tab:\ta\t", "X!#$%&'*+-.^_`|~: y"),),
    "headers beyond ASCII": (get("/echo", "X-Utf8: é") + b"",),
    "underscores in headers": (get("/echo", "X_Under: 1", "X-Under: 2"),),
    "absolute form": (raw("GET http://localhost/echo?x HTTP/1.1\nHost: localhost\n\n"),),
    "absolute form of another host": (raw("GET http://other.localhost/echo HTTP/1.1\nHost: localhost\n\n"),),
    "OPTIONS *": (get("*", method="OPTIONS"),),
    "escapes in the path": (get("/echo%2Fa%20b/%C3%A9/%E2%82%AC/%ff"),),
    "dots in the path": (get("/echo/../a/./b//c"),),
    "a bad escape": (get("/echo/%zz%"),),
    "no path but a query": (get("/?"),),
    "a path of 60,000 characters": (get("/" + "a" * 60_000),),
    "a header of 100,000 bytes": (get("/unread", "X-Large: " + "a" * 100_000),),
    "headers of 3 megabytes": (get("/unread", *("X-Large: " + "a" * 100_000 for _ in range(30))),),
    "2,000 headers": (get("/echo", *(f"X-{number}: {number}" for number in range(2000))),),
    "an upgrade without Connection": (get("/echo", "Upgrade: websocket"),),
    "WebDAV": (get("/echo", method="PROPFIND"),),
    "Connection: keep-alive": (get("/echo", "Connection: keep-alive"),),
    "Proxy-Connection": (get("/echo", "Proxy-Connection: close"),),
    "a view as body": (get("/view-body"),),
    "an array as body": (get("/array-body"),),
    "an iterator of headers": (get("/headers-iterated"),),
    "a list as header": (get("/list-header"),),
    "both lengths by the app": (get("/both-by-app"),),
    "two lengths by the app": (get("/two-lengths"),),
    "None as body": (get("/none-body"),),
}
"""The connection stays open."""

CLOSED: dict[str, tuple[Step, ...]] = {
    "HTTP/1.0": (get("/echo", version="1.0"),),
    "HTTP/1.0 without Host": (get("/echo", version="1.0", host=""),),
    "HTTP/1.0 with keep-alive": (get("/echo", "Connection: keep-alive", version="1.0"),),
    "HTTP/1.0 of chunks": (get("/parts", version="1.0"),),
    "HTTP/1.1 without Host": (get("/echo", "Connection: close", host=""),),
    "HTTP/0.9": (b"GET /echo\r\n\r\n",),
    "HTTP/2.0": (get("/echo", version="2.0"),),
    "HTTP/1.2": (get("/echo", "Connection: close", version="1.2"),),
    "HTTP/9.9": (get("/echo", version="9.9"),),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",),
    "Connection: close": (get("/echo", "Connection: close"),),
    "Connection: close, and more": (get("/echo", "Connection: close") + get("/unread"),),
    "Connection: close of chunks": (get("/parts", "Connection: close"),),
    "Connection: close by the app": (get("/closing"),),
    "Connection: close of a large answer": (get("/large", "Connection: close"),),
    "Connection: keep-alive, close": (get("/echo", "Connection: keep-alive, close"),),
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
    "garbage after a request": (get("/unread"), Until(b"matter"), b"\0\1garbage\r\n\r\n"),
    "garbage after an upload": (post(b"hello", "Content-Length: 5"), Until(b"hello"), b"garbage\r\n\r\n"),
    "an unknown method": (get("/echo", method="FETCH"),),
    "a method in small letters": (get("/echo", method="get"),),
    "no method": (b" /echo HTTP/1.1\r\n\r\n",),
    "no version": (b"GET /echo HTTP\r\n\r\n",),
    "a blank in the target": (b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",),
    "a path beyond ASCII": ("GET /é HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),),
    "a query beyond ASCII": (
        "GET /echo?é HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
    ),
    "a fragment": (get("/echo#part", "Connection: close"),),
    "a relative target": (get("echo"),),
    "an asterisk for GET": (get("*", "Connection: close"),),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",),
    "CONNECT of a path": (b"CONNECT /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", Until(b"0 b''"), HangUp()),
    "an unknown upgrade": (get("/echo", "Connection: Upgrade", "Upgrade: h2c"), Until(b"0 b''"), HangUp()),
    "an absolute form without a host": (raw("GET http:///echo HTTP/1.1\nHost: localhost\n\n"),),
    "a header without a colon": (get("/echo", "Nonsense"),),
    "a header without a name": (get("/echo", ": value"),),
    "a blank before the colon": (get("/echo", "X-A : 1"),),
    "a blank in a name": (get("/echo", "X A: 1"),),
    "a null in a value": (get("/echo", "X-A: a\0b"),),
    "a carriage return in a value": (get("/echo", "X-A: a\rb"),),
    "a folded header": (get("/echo", "X-A: 1\r\n  2", "Connection: close"),),
    "a folded header, first": (b"GET /echo HTTP/1.1\r\n Host: localhost\r\n\r\n",),
    "line feeds alone": (b"GET /echo HTTP/1.1\nHost: localhost\nConnection: close\n\n",),
    "a line feed alone in the middle": (get("/echo", "X-A: 1\nX-B: 2", "Connection: close"),),
    "carriage returns alone": (b"GET /echo HTTP/1.1\rHost: localhost\r\r",),
    "CL.TE": (post(b"0\r\n\r\nG", "Content-Length: 6", TE), BYE),
    "TE.CL": (post(b"1\r\nG\r\n0\r\n\r\n", TE, "Content-Length: 3"),),
    "TE, obfuscated": (post(CHUNKED, "Transfer-Encoding: xchunked", "Connection: close"),),
    "TE, folded": (post(CHUNKED, "Transfer-Encoding:\r\n chunked", "Connection: close"),),
    "TE, twice": (post(CHUNKED, TE, "Transfer-Encoding: identity"),),
    "TE, not last": (post(CHUNKED, "Transfer-Encoding: chunked, gzip"),),
    "TE, after another": (post(CHUNKED, "Transfer-Encoding: gzip, chunked", "Connection: close"),),
    "TE, with a tab": (post(CHUNKED, "Transfer-Encoding:\tchunked", "Connection: close"),),
    "TE, with a blank before the colon": (post(CHUNKED, "Transfer-Encoding : chunked"),),
    "TE of HTTP/1.0": (get("/echo", TE, method="POST", version="1.0") + CHUNKED,),
    "two lengths": (post(b"hello", "Content-Length: 5", "Content-Length: 6"),),
    "the same length twice": (post(b"hello", "Content-Length: 5", "Content-Length: 5"),),
    "a list of lengths": (post(b"hello", "Content-Length: 5, 5"),),
    "a negative length": (post(b"hello", "Content-Length: -5"),),
    "a signed length": (post(b"hello", "Content-Length: +5"),),
    "a length that is no number": (post(b"hello", "Content-Length: five"),),
    "a hexadecimal length": (post(b"hello", "Content-Length: 0x5"),),
    "an empty length": (post(b"hello", "Content-Length:"),),
    "a length beyond 64 bits": (post(b"hello", "Content-Length: 99999999999999999999999"),),
    "a chunk size that is no number": (post(b"xyz\r\nhello\r\n", TE),),
    "a negative chunk size": (post(b"-5\r\nhello\r\n0\r\n\r\n", TE),),
    "a chunk size beyond 64 bits": (post(b"fffffffffffffffff\r\nhello\r\n", TE),),
    "a chunk longer than its size": (post(b"5\r\nhello world\r\n0\r\n\r\n", TE),),
    "a chunk shorter than its size": (post(b"a\r\nhello\r\n0\r\n\r\n", TE), HangUp()),
    "a chunk size with a line feed alone": (post(b"5\nhello\n0\n\n", TE),),
    "a chunk size with blanks": (post(b"5 \r\nhello\r\n0\r\n\r\n", TE, "Connection: close"),),
    "an upload that breaks off": (post(b"hel", "Content-Length: 5"), HangUp()),
    "an upload in chunks that breaks off": (post(b"5\r\nhel", TE), HangUp()),
    "an upload that turns bad": (post(b"5\r\nhello\r\n", TE), b"nonsense\r\n"),
    "a head that breaks off": (b"GET /echo HTTP/1.1\r\nHost: lo", HangUp()),
    "nothing at all": (HangUp(),),
    "continue, and then nothing": (post(b"", EXPECT, "Content-Length: 5"), CONTINUE, HangUp()),
    "continue of HTTP/1.0": (
        get("/echo", EXPECT, "Content-Length: 5", method="POST", version="1.0"),
        CONTINUE,
        b"hello",
    ),
    "continue of HTTP/1.0 without a body": (get("/echo", EXPECT, version="1.0"),),
    "an answer, and the client leaves": (get("/lasting"), Until(b"are"), HangUp()),
    "a path of 70,000 characters": (get("/" + "a" * 70_000),),
    "CONNECT-like upgrade of a POST": (
        post(b"hello", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5"),
        Until(b"0 b''"),
        HangUp(),
    ),
    "304 with a length, to GET": (get("/304-length"),),
    **{
        f"the app: {name}": (get(f"/{name}"),)
        for name in (
            "204-body",
            "raises",
            "raises-exit",
            "raises-after-start",
            "raises-in-body",
            "raises-in-length",
            "start-twice",
            "body-first",
            "unknown",
            "unknown-later",
            "silent",
            "returns-after-start",
            "start-only",
            "unfinished",
            "too-long",
            "too-long-later",
            "too-short",
            "no-type",
        )
    },
}
"""The server closes."""

CASES = {name: (*steps, BYE) for name, steps in KEPT.items()} | CLOSED

UNSTARTABLE = (
    "returns",
    "999",
    "status-text",
    "status-none",
    "no-status",
    "length-text",
    "bad-name",
    "bad-value",
    "null-value",
    "backslash-name",
    "text-header",
    "text-body",
)
"""Uvicorn has not answered yet, or has sent the head only, when it finds the fault, and closes."""
AFTERWARDS = ("raises-after-end", "body-after-end", "start-after-end", "returns-after-end")
"""The client has its whole answer; uvicorn closes the connection all the same."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both once."""
    with side_by_side(tmp_path_factory.mktemp("wire"), "wire") as pair:
        yield pair


@pytest.mark.parametrize("case", CASES)
def test_a_client_sees_the_same(pair: Pair, case: str) -> None:
    """The same bytes get the same answer, the app gets the same, and no other client is disturbed."""
    uvicorn, devserver = (play(port, CASES[case]) for port in pair.ports)
    assert devserver == uvicorn


@pytest.mark.parametrize("path", UNSTARTABLE)
def test_an_answer_that_cannot_be_started_becomes_a_500(pair: Pair, path: str) -> None:
    """Where uvicorn closes the connection without a body, devserver reports that the app has failed."""
    uvicorn, devserver = (play(port, [get(f"/{path}")])[0] for port in pair.ports)
    assert uvicorn.endswith(b"\r\n\r\n") or not uvicorn
    assert devserver.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert devserver.endswith(b"connection: close\r\n\r\nInternal Server Error")


@pytest.mark.parametrize("path", AFTERWARDS)
def test_what_goes_wrong_after_an_answer_costs_no_connection(pair: Pair, path: str) -> None:
    """The client has what it wanted, and may ask the next question where it is."""
    uvicorn, _ = play(pair.ports[0], [get(f"/{path}")])
    devserver, _ = play(pair.ports[1], [get(f"/{path}"), Until(b"hello"), BYE])
    assert devserver.startswith(uvicorn)
    assert devserver.endswith(b"good bye")


def test_nothing_failed_but_the_app(pair: Pair) -> None:
    """No Worker died of any of the above, and devserver names no error of its own."""
    assert pair.devserver.past("worker-exited") == []
    assert pair.devserver.past("notice", level="error") == []
