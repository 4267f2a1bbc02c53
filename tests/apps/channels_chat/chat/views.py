"""Views of each kind."""

import asyncio
import threading
from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

WORD = "old"


async def index(_request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(f"{WORD} async")


def plain(request: HttpRequest) -> HttpResponse:
    on_main = threading.current_thread() is threading.main_thread()
    return HttpResponse(f"{WORD} sync {len(request.body)} {'main' if on_main else 'thread'}")


async def count(_request: HttpRequest) -> StreamingHttpResponse:
    async def made() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{WORD} {number}\n"

    return StreamingHttpResponse(made(), content_type="text/plain")
