"""Notes that a controller keeps, with a dependency, a sync handler, a WebSocket and an event stream."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from litestar import Controller, Litestar, Request, get, post, websocket_listener
from litestar.datastructures import State
from litestar.di import Provide
from litestar.response import ServerSentEvent, ServerSentEventMessage

PREFIX = "note"


@dataclass
class Note:
    text: str


def prefix() -> str:
    return PREFIX


class Notes(Controller):
    path = "/notes"
    dependencies = {"prefix": Provide(prefix, sync_to_thread=False)}

    @get("/", sync_to_thread=True)
    def index(self, prefix: str) -> list[Note]:
        return [Note(f"{prefix} one")]

    @post("/")
    async def add(self, data: Note, prefix: str) -> Note:
        return Note(f"{prefix} {data.text}")


@websocket_listener("/chat")
async def chat(data: str) -> str:
    return f"{PREFIX}: {data}"


async def count(number: int) -> AsyncGenerator[ServerSentEventMessage, None]:
    while True:
        number += 1
        yield ServerSentEventMessage(id=str(number), data=f"{PREFIX} {number}")
        await asyncio.sleep(0.01)


@get("/events", sync_to_thread=False)
def events(request: Request[None, None, State]) -> ServerSentEvent:
    return ServerSentEvent(count(int(request.headers.get("last-event-id", "0"))))


app = Litestar([Notes, chat, events])
