"""What lasts: an event stream with ids, and a WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, WebSocket, WebSocketDisconnect
from sse_starlette import EventSourceResponse, ServerSentEvent

router = APIRouter()
WORD = "tick"


async def ticks(number: int) -> AsyncIterator[ServerSentEvent]:
    while True:
        number += 1
        yield ServerSentEvent(id=str(number), data=f"{WORD} {number}")
        await asyncio.sleep(0.01)


@router.get("/ticks")
async def stream(last_event_id: Annotated[int, Header()] = 0) -> EventSourceResponse:
    return EventSourceResponse(ticks(last_event_id))


@router.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(f"{WORD}: {await socket.receive_text()}")
    except WebSocketDisconnect as left:
        print(f"chat left with {left.code}")
