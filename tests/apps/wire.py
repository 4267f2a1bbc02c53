"""Behaves and misbehaves as its path says, and reports afterwards what it received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Behaviour = Callable[[Event, Receive, Send], Awaitable[Any]]

START = "http.response.start"
BODY = "http.response.body"
PLAIN = (b"content-type", b"text/plain")
told: list[list[Any]] = []
"""What each run of the app has received, and how it ended."""
running: set[int] = set()
"""The ids of the notes of those that have not ended."""
news = asyncio.Event()


async def app(scope: Event, receive: Receive, send: Send) -> Any:
    """Serve one connection of any kind."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["path"] == "/told":
        return await tell(send)
    return await recorded(scope, receive, send)


async def recorded(scope: Event, receive: Receive, send: Send) -> Any:
    """Run what the path says, and note what it receives."""
    notes: list[Any] = []
    told.append(notes)
    running.add(id(notes))

    async def noted() -> Event:
        event = await receive()
        note(notes, dict(event))
        return event

    try:
        return await behaviour(scope)(scope, noted, send)
    except BaseException as error:
        notes.append(f"raised {error!r}")
        raise
    finally:
        running.remove(id(notes))
        news.set()


def note(notes: list[Any], event: Event) -> None:
    """Note an event; how a body was cut into parts does not matter."""
    if event["type"] == "http.request":
        event["body"] = len(event["body"])
        if notes and isinstance(notes[-1], dict) and notes[-1]["type"] == "http.request":
            event["body"] += notes.pop()["body"]
    if event["type"] == "websocket.disconnect":
        event.setdefault("reason", "")  # uvicorn leaves it out where there is none
    notes.append(
        {key: repr(value)[:200] if isinstance(value, bytes | str) else value for key, value in event.items()}
        | {"type": event["type"]}
    )


def behaviour(scope: Event) -> Behaviour:
    """Return what the path says."""
    found = (WEBSOCKETS if scope["type"] == "websocket" else REQUESTS).get(scope["path"])
    return found or (echo if scope["type"] == "http" else talk)


async def tell(send: Send) -> None:
    """Answer with what the runs since the last time received, once they have ended."""
    while running:
        news.clear()
        await news.wait()
    data = json.dumps(told).encode()
    told.clear()
    await answer(send, data)


async def answer(send: Send, body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    """Answer as most apps do."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": START, "status": status, "headers": [PLAIN, length, *headers]})
    await send({"type": BODY, "body": body})


async def read(receive: Receive) -> bytes:
    """Return the whole body."""
    body, more = b"", True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return body + b" and then it left"
        body += event["body"]
        more = event["more_body"]
    return body


# requests


async def echo(scope: Event, receive: Receive, send: Send) -> None:
    """Answer with what has come, the body too."""
    body = await read(receive)
    keys = ("method", "http_version", "path", "raw_path", "query_string", "headers")
    seen = "\n".join(f"{key}: {scope[key]!r}" for key in keys)
    await answer(send, f"{seen}\n{len(body)} {body[:200]!r}".encode())


async def unread(_scope: Event, _receive: Receive, send: Send) -> None:
    await answer(send, b"the body does not matter")


async def lasting(_scope: Event, receive: Receive, send: Send) -> None:
    """Answer, and wait until the client has left."""
    await answer(send, b"here you are")
    while (await receive())["type"] != "http.disconnect":
        pass


async def parts(_scope: Event, _receive: Receive, send: Send) -> None:
    await send({"type": START, "status": 200, "headers": [PLAIN]})
    for number in range(3):
        await send({"type": BODY, "body": b"part %d\n" % number, "more_body": True})
    await send({"type": BODY, "body": b"", "more_body": True})
    await send({"type": BODY, "body": b"the last", "more_body": False})


async def large(_scope: Event, _receive: Receive, send: Send) -> None:
    await send({"type": START, "status": 200, "headers": [PLAIN, (b"content-length", b"3000000")]})
    for number in range(3):
        await send({"type": BODY, "body": b"%d" % number * 1_000_000, "more_body": number < 2})


async def closing(_scope: Event, _receive: Receive, send: Send) -> None:
    await answer(send, b"good bye", 200, (b"connection", b"close"))


async def headers(_scope: Event, _receive: Receive, send: Send) -> None:
    """Send headers in any case, twice, empty, with bytes beyond ASCII; and one of the server's own."""
    more = [(b"X-Case", b"Kept"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-empty", b"")]
    more += [(b"x-latin", "é".encode("latin-1")), (b"server", b"mine"), (b"x-tab", b"a\tb")]
    await answer(send, b"headers", 200, *more)


async def no_headers(_scope: Event, _receive: Receive, send: Send) -> None:
    await send({"type": START, "status": 200})
    await send({"type": BODY})


def status(code: Any) -> Behaviour:
    """Answer with a status and an empty body."""

    async def behave(_scope: Event, _receive: Receive, send: Send) -> None:
        await send({"type": START, "status": code, "headers": []})
        await send({"type": BODY, "body": b""})

    return behave


def script(*events: object) -> Behaviour:
    """Send events as they stand; raise what is an exception; return what is neither."""

    async def behave(_scope: Event, receive: Receive, send: Send) -> object:
        for event in events:
            if isinstance(event, BaseException):
                raise event
            if not isinstance(event, dict):
                return event
            if event["type"] == "receive":
                await receive()
            else:
                await send(event)
        return None

    return behave


def start(*headers: tuple[Any, Any], code: Any = 200) -> Event:
    """Return the start of a response."""
    return {"type": START, "status": code, "headers": list(headers)}


def body(data: Any, more: bool = False) -> Event:
    """Return a part of a body."""
    return {"type": BODY, "body": data, "more_body": more}


FIVE = (b"content-length", b"5")
CHUNKED = (b"transfer-encoding", b"chunked")
OOPS = ValueError("oops")
REQUESTS: dict[str, Behaviour] = {
    "/unread": unread,
    "/lasting": lasting,
    "/parts": parts,
    "/large": large,
    "/closing": closing,
    "/headers": headers,
    "/no-headers": no_headers,
    "/204": status(204),
    "/304": status(304),
    "/201": status(201),
    "/100": status(100),
    "/599": status(599),
    "/999": status(999),
    "/status-text": status("200"),
    "/status-none": status(None),
    "/204-body": script(start(code=204), body(b"not allowed")),
    "/304-length": script(start(FIVE, code=304), body(b"")),
    "/chunked-by-app": script(start(CHUNKED), body(b"hello")),
    "/both-by-app": script(start(FIVE, CHUNKED), body(b"hello")),
    "/two-lengths": script(start(FIVE, (b"content-length", b"7")), body(b"hello")),
    "/raises": script(OOPS),
    "/raises-exit": script(SystemExit(3)),
    "/raises-after-start": script(start(), OOPS),
    "/raises-in-body": script(start(), body(b"one", True), OOPS),
    "/raises-in-length": script(start(FIVE), body(b"one", True), OOPS),
    "/raises-after-end": script(start(FIVE), body(b"hello"), OOPS),
    "/start-twice": script(start(), start(), body(b"")),
    "/body-first": script(body(b"first")),
    "/body-after-end": script(start(FIVE), body(b"hello"), body(b"more")),
    "/start-after-end": script(start(FIVE), body(b"hello"), start()),
    "/unknown": script({"type": "http.response.push"}),
    "/unknown-later": script(start(), {"type": "http.response.trailers"}),
    "/silent": script(),
    "/returns": script(42),
    "/returns-after-start": script(start(), 42),
    "/returns-after-end": script(start(FIVE), body(b"hello"), 42),
    "/start-only": script(start()),
    "/unfinished": script(start(), body(b"one", True)),
    "/too-long": script(start(FIVE), body(b"hello world")),
    "/too-long-later": script(start(FIVE), body(b"hello", True), body(b" world")),
    "/too-short": script(start(FIVE), body(b"hell")),
    "/length-text": script(start((b"content-length", b"five")), body(b"hello")),
    "/bad-name": script(start((b"bad name", b"value")), body(b"hello")),
    "/bad-value": script(start((b"x-bad", b"a\r\nset-cookie: b=c")), body(b"hello")),
    "/null-value": script(start((b"x-bad", b"a\0b")), body(b"hello")),
    "/backslash-name": script(start((b"bad\\name", b"value")), body(b"hello")),
    "/text-header": script(start(("x-text", "value")), body(b"hello")),
    "/text-body": script(start(), body("hello")),
    "/none-body": script(start(), body(None)),
    "/view-body": script(start(FIVE), body(memoryview(b"hello"))),
    "/array-body": script(start(FIVE), body(bytearray(b"hello"))),
    "/no-status": script({"type": START}, body(b"hello")),
    "/no-type": script(start(), {"type": ""}),
    "/204-empty": script(start(code=204), body(b"", True), body(b"")),
    "/headers-iterated": script({"type": START, "status": 200, "headers": iter([FIVE])}, body(b"hello")),
    "/list-header": script(start([b"x-list", b"value"]), body(b"hello")),  # type: ignore[arg-type]
}

# WebSockets

ACCEPT: Event = {"type": "websocket.accept"}
CLOSE: Event = {"type": "websocket.close"}
HELLO: Event = {"type": "websocket.send", "text": "hello"}
CONNECT: Event = {"type": "receive"}
REFUSE = "websocket.http.response.start"
REFUSAL = "websocket.http.response.body"


async def talk(scope: Event, receive: Receive, send: Send) -> None:
    """Send each message back until the client has left; take the first subprotocol."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (event := await receive())["type"] == "websocket.receive":
        text = event.get("text")
        if text == "close":
            await send({"type": "websocket.close", "code": 4321, "reason": "as you like"})
        elif text == "raise":
            raise OOPS
        elif text == "return":
            return
        elif text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})


async def scope_of(scope: Event, receive: Receive, send: Send) -> None:
    """Send what the handshake was seen as."""
    await receive()
    await send(ACCEPT)
    keys = ("http_version", "path", "raw_path", "query_string", "headers", "subprotocols")
    await send({"type": "websocket.send", "text": "\n".join(f"{key}: {scope[key]!r}" for key in keys)})
    await send(CLOSE)


def refuse(code: Any, *headers: tuple[Any, Any]) -> Event:
    """Return the start of a refusal."""
    return {"type": REFUSE, "status": code, "headers": list(headers)}


def refusal(data: bytes, more: bool = False) -> Event:
    """Return a part of its body."""
    return {"type": REFUSAL, "body": data, "more_body": more}


def close(code: int, reason: str | None) -> Event:
    """Return a close."""
    return {"type": "websocket.close", "code": code, "reason": reason}


WEBSOCKETS: dict[str, Behaviour] = {
    "/scope": scope_of,
    "/ws-403": script(CONNECT, CLOSE),
    "/ws-403-at-once": script(CLOSE),
    "/ws-403-code": script(CONNECT, close(4000, "no")),
    "/ws-refused": script(
        CONNECT, refuse(401, (b"x-why", b"because")), refusal(b"one ", True), refusal(b"two")
    ),
    "/ws-refused-typed": script(
        CONNECT, refuse(418, (b"content-type", b"text/html"), (b"content-length", b"3")), refusal(b"tea")
    ),
    "/ws-refused-999": script(CONNECT, refuse(999), refusal(b"")),
    "/ws-refused-halfway": script(CONNECT, refuse(401), refusal(b"one ", True)),
    "/ws-refused-raises": script(CONNECT, refuse(401), refusal(b"one ", True), OOPS),
    "/ws-refused-twice": script(CONNECT, refuse(401), refuse(402)),
    "/ws-refused-then-accepted": script(CONNECT, refuse(401), refusal(b"no"), ACCEPT),
    "/ws-silent": script(),
    "/ws-raises": script(CONNECT, OOPS),
    "/ws-raises-accepted": script(CONNECT, ACCEPT, OOPS),
    "/ws-raises-later": script(CONNECT, ACCEPT, HELLO, OOPS),
    "/ws-returns": script(CONNECT, ACCEPT, HELLO),
    "/ws-returns-value": script(CONNECT, ACCEPT, HELLO, 42),
    "/ws-close": script(CONNECT, ACCEPT, CLOSE),
    "/ws-close-reason": script(CONNECT, ACCEPT, HELLO, close(3001, "done for today")),
    "/ws-close-none": script(CONNECT, ACCEPT, close(1000, None)),
    "/ws-close-1005": script(CONNECT, ACCEPT, close(1005, "")),
    "/ws-close-99": script(CONNECT, ACCEPT, close(99, "")),
    "/ws-close-long": script(CONNECT, ACCEPT, close(1000, "x" * 200)),
    "/ws-close-twice": script(CONNECT, ACCEPT, CLOSE, CLOSE),
    "/ws-send-closed": script(CONNECT, ACCEPT, CLOSE, HELLO),
    "/ws-accept-twice": script(CONNECT, ACCEPT, ACCEPT),
    "/ws-send-first": script(CONNECT, HELLO),
    "/ws-unknown": script(CONNECT, ACCEPT, {"type": "websocket.shout"}),
    "/ws-headers": script(
        CONNECT,
        {"type": "websocket.accept", "headers": [(b"X-Case", b"Kept"), (b"set-cookie", b"a=1")]},
        CLOSE,
    ),
    "/ws-protocol": script(CONNECT, {"type": "websocket.accept", "subprotocol": "invented"}, CLOSE),
    "/ws-protocol-bytes": script(CONNECT, {"type": "websocket.accept", "subprotocol": b"one"}),
    "/ws-close-text": script(CONNECT, ACCEPT, {"type": "websocket.close", "code": "1000"}),
    "/ws-large": script(CONNECT, ACCEPT, {"type": "websocket.send", "bytes": b"x" * 3_000_000}, CLOSE),
    "/ws-empty": script(CONNECT, ACCEPT, {"type": "websocket.send", "text": ""}, CLOSE),
    "/ws-nothing": script(CONNECT, ACCEPT, {"type": "websocket.send"}, CLOSE),
    "/ws-both": script(CONNECT, ACCEPT, {"type": "websocket.send", "text": "t", "bytes": b"b"}, CLOSE),
    "/ws-none": script(CONNECT, ACCEPT, {"type": "websocket.send", "text": None, "bytes": b"b"}, CLOSE),
}
