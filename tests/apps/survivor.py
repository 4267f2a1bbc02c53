"""A bare ASGI app with one path for each thing that can be in flight; `VERSION` tells which code answers."""

import asyncio
import json
import os

VERSION = 0
GATE = os.environ.get("GATE", "")
opened = asyncio.Event()


def wait_for_gate():
    with open(GATE) as gate:
        gate.read()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    run = globals().get(f"{scope['type']}_{scope['path'].strip('/') or 'version'}")
    if run is None:
        await answer(send, 404, b"no such path")
    else:
        await run(scope, receive, send)


async def answer(send, status, body, kind=b"text/plain"):
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def http_version(scope, receive, send):
    await answer(send, 200, f"v{VERSION}".encode())


async def http_wait(scope, receive, send):
    """Answers once the file GATE is opened by somebody for writing."""
    print("waiting", flush=True)
    await asyncio.to_thread(wait_for_gate)
    await answer(send, 200, f"v{VERSION} waited".encode())


async def http_hang(scope, receive, send):
    print("hanging", flush=True)
    await asyncio.sleep(600)


async def http_once(scope, receive, send):
    """Kills its process the first time."""
    if not os.path.exists(GATE):
        open(GATE, "w").close()
        os.kill(os.getpid(), 9)
    await answer(send, 200, f"v{VERSION} again".encode())


async def http_die(scope, receive, send):
    os.kill(os.getpid(), 9)


async def http_half(scope, receive, send):
    headers = [(b"content-length", b"10")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"12345", "more_body": True})
    await asyncio.sleep(600)


async def http_upload(scope, receive, send):
    size, more = 0, True
    print("uploading", flush=True)
    while more:
        event = await receive()
        size, more = size + len(event["body"]), event["more_body"]
    await answer(send, 200, f"v{VERSION} {size}".encode())


async def http_download(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    size = int(scope["query_string"] or 0)
    while size > 0:
        await send({"type": "http.response.body", "body": bytes(min(size, 1 << 20)), "more_body": True})
        size -= 1 << 20
    await send({"type": "http.response.body", "body": f"v{VERSION}".encode()})


async def begin_stream(send):
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def http_events(scope, receive, send):
    """Numbers with ids, from Last-Event-ID on; as many a second as it can, until the client has gone."""
    number = int(dict(scope["headers"]).get(b"last-event-id", 0))
    resumed = "devserver.resumed" in scope.get("extensions", {})
    await begin_stream(send)
    gone = asyncio.create_task(disconnected(receive))
    while not gone.done():
        number += 1
        data = json.dumps({"version": VERSION, "number": number, "resumed": resumed})
        await send({"type": "http.response.body", "body": f"id: {number}\nda".encode(), "more_body": True})
        await send({"type": "http.response.body", "body": f"ta: {data}\n\n".encode(), "more_body": True})
        await asyncio.sleep(0.005)


async def disconnected(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def http_tokens(scope, receive, send):
    """A finite stream without ids; the gate lets it go on after the third."""
    await begin_stream(send)
    for number in range(6):
        if number == 3:
            print("halfway", flush=True)
            await asyncio.to_thread(wait_for_gate)
        body = f"data: v{VERSION} {number}\n\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def http_endless(scope, receive, send):
    """A stream without ids that never ends and never looks whether anybody is there."""
    await begin_stream(send)
    while True:
        await send(
            {"type": "http.response.body", "body": f"data: v{VERSION}\n\n".encode(), "more_body": True}
        )
        await asyncio.sleep(0.01)


async def websocket_version(scope, receive, send):
    """Says back what it hears, with its version; `resumed` tells which generation goes on with it."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        text = event.get("text") or event["bytes"].decode()
        if text == "die":
            os.kill(os.getpid(), 9)
        if text == "wait":
            print("in hand", flush=True)
            await asyncio.to_thread(wait_for_gate)
        if text == "resumed":
            text = str(scope["extensions"].get("devserver.resumed"))
        await send({"type": "websocket.send", "text": f"v{VERSION} {text}"})
    print(f"v{VERSION} disconnected {event['code']}", flush=True)


async def websocket_token(scope, receive, send):
    """Wants a token first, as many apps do."""
    await receive()
    await send({"type": "websocket.accept"})
    if (await receive()).get("text") != "token":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "websocket.send", "text": f"v{VERSION} welcome"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"v{VERSION} {event['text']}"})


async def websocket_moody(scope, receive, send):
    """Says back what it hears, and ends as it is ordered to."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        if event["text"] == "out":
            await send({"type": "websocket.close", "code": 4001, "reason": "signed out"})
            return
        if event["text"] == "raise":
            raise ValueError("not today")
        await send({"type": "websocket.send", "text": f"v{VERSION} {event['text']}"})


async def websocket_push(scope, receive, send):
    """Never receives after the handshake."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": f"v{VERSION}"})
        await asyncio.sleep(0.01)


async def websocket_sub(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
    while (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"v{VERSION}"})


async def websocket_raises(scope, receive, send):
    """Goes on well until newer code takes over, which then raises."""
    await receive()
    if "devserver.resumed" in scope["extensions"]:
        raise ValueError("cannot go on")
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"v{VERSION}"})
