"""Pages made by Jinja2."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

HERE = Path(__file__).parent
templates = Jinja2Templates(HERE / "templates")


async def page(request: Request) -> Response:
    return templates.TemplateResponse(request, "page.html", {"name": "Ada"})


async def upload(request: Request) -> Response:
    size = 0
    async for part in request.stream():
        size += len(part)
    return Response(f"{size} bytes")


async def download(_request: Request) -> Response:
    return StreamingResponse((b"x" * 65536 for _ in range(64)), media_type="application/octet-stream")


app = Starlette(
    routes=[
        Route("/", page),
        Route("/upload", upload, methods=["PUT"]),
        Route("/download", download),
        Mount("/static", StaticFiles(directory=HERE / "static", check_dir=False)),
    ]
)
