"""The app."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request

from shop import live, routes

VERSION = 1


def note(what: str) -> None:
    with Path("lifespan.log").open("a") as file:
        file.write(f"{what} {VERSION} {os.getpid()}\n")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, int]]:
    note("start")
    yield {"started": VERSION}
    note("stop")


app = FastAPI(lifespan=lifespan)
app.include_router(routes.router)
app.include_router(live.router)


@app.get("/version")
async def version(request: Request) -> dict[str, int]:
    return {"started": request.state.started}
