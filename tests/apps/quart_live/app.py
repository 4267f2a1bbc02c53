"""A page, a WebSocket, and an event stream as the Quart documentation writes it."""

import asyncio
from collections.abc import AsyncGenerator

from quart import Quart, Response, abort, make_response, render_template_string, request, websocket

app = Quart(__name__)
WORD = "old"


@app.get("/")
async def index() -> str:
    return await render_template_string("<p>{{ word }}</p>", word=WORD)


@app.websocket("/chat")
async def chat() -> None:
    while True:
        await websocket.send(f"{WORD}: {await websocket.receive()}")


@app.get("/events")
async def events() -> Response:
    if "text/event-stream" not in request.accept_mimetypes:
        abort(400)

    last = int(request.headers.get("Last-Event-ID", "0"))

    async def send(number: int) -> AsyncGenerator[bytes, None]:
        while True:
            number += 1
            yield f"data: {WORD} {number}\nid: {number}\r\n\r\n".encode()
            await asyncio.sleep(0.01)

    response = await make_response(
        send(last), {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    response.timeout = None
    return response
