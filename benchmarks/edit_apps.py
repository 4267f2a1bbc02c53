"""The apps that are edited, and the edits: the line that changes, and where its version is answered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PARTS = 50
MODELS = 25
DJANGO_APPS = 40
LOADING_S = 2
"""Seconds of work at the top of the single file."""


@dataclass(frozen=True)
class Edit:
    """`line` stands once in `file`; `appended` is by file. `@` is the version, and `path` answers with it."""

    name: str
    path: str
    file: str = ""
    line: str = ""
    appended: tuple[tuple[str, str], ...] = ()

    def save(self, folder: Path, version: int) -> None:
        """Write that version; the one before it is there. The file with the line comes last."""
        for file, text in self.appended:
            with (folder / file).open("a") as opened:
                opened.write(_of(text, version))
        if self.line:
            path = folder / self.file
            text, old = path.read_text(), _of(self.line, version - 1)
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
            path.write_text(text.replace(old, _of(self.line, version)))

    def asked(self, version: int) -> str:
        """Return the path that answers with the version."""
        return _of(self.path, version)


@dataclass(frozen=True)
class EditedApp:
    """`target` is for devserver, `name` for the others; `needs` are the distributions that it imports."""

    key: str
    title: str
    interface: str
    name: str
    target: str
    make: Callable[[Path], None]
    edits: tuple[Edit, ...]
    needs: tuple[str, ...] = ()


def _of(text: str, version: int) -> str:
    return text.replace("@", f"{version:06}")


BODY = '    return "version @"\n'
CONSTANT = 'CONSTANT = "version @"\n'

_ASGI = """\
CONSTANT = "version 000000"


def body():
    return "version 000000"


async def app(scope, receive, send):
    if scope["type"] == "http":
        text = body() if scope["path"] == "/body" else CONSTANT
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})
"""
_LOADED = """\
import time

until = time.process_time() + @LOADING@
while time.process_time() < until:
    pass
"""
_VER = """\
CONSTANT = "version 000000"


def body():
    return "version 000000"
"""
_DATABASE = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase

engine = create_engine("sqlite://")


class Base(DeclarativeBase):
    pass
"""
_MODEL = """\
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shop.database import Base

CONSTANT = "version 000000"


class Item@N@(Base):
    __tablename__ = "item@N@"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    price: Mapped[int] = mapped_column(default=0)

    def label(self):
        return "version 000000"
"""
_ROUTER = """\
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
import pandas as pd

from shop import ver
from shop.database import engine
from shop.models import item@M@
from shop.models.item@M@ import Item@M@

CONSTANT = "version 000000"
router = APIRouter(prefix="/part@N@", default_response_class=PlainTextResponse)


class ItemIn(BaseModel):
    name: str = Field(min_length=1, max_length=80)
    price: int = Field(ge=0)


@router.get("/body")
def body():
    return "version 000000"


@router.get("/constant")
def constant():
    return CONSTANT


@router.get("/ver/body")
def ver_body():
    return ver.body()


@router.get("/ver/constant")
def ver_constant():
    return ver.CONSTANT


@router.get("/model/body")
def model_body():
    return Item@M@(id=1).label()


@router.get("/model/constant")
def model_constant():
    return item@M@.CONSTANT


@router.post("/items")
def write(item: ItemIn):
    with Session(engine) as session:
        return str(session.scalars(select(Item@M@).where(Item@M@.name == item.name)).first())


def totals(rows):
    return pd.DataFrame(rows).groupby("name").sum()
"""
_FASTAPI = """\
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

@IMPORTS@

CONSTANT = "version 000000"
app = FastAPI(default_response_class=PlainTextResponse)
for part in (@NAMES@):
    app.include_router(part.router)


@app.get("/")
def index():
    return "running"


@app.get("/body")
def body():
    return "version 000000"


@app.get("/constant")
def constant():
    return CONSTANT
"""
_FLASK_APP = "from flask import Flask\n\napp = Flask(__name__)\n"
_FLASK_PART = """\
from shop.app import app

CONSTANT = "version 000000"


@app.get("/part@N@/body")
def body@N@():
    return "version 000000"


@app.get("/part@N@/constant")
def constant@N@():
    return CONSTANT
"""
_FLASK_MAIN = """\
from shop.app import app
@IMPORTS@


@app.get("/")
def index():
    return "running"
"""
_DJANGO_FILES = {
    "models.py": """\
from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)

    def label(self):
        return "version 000000"
""",
    "admin.py": """\
from django.contrib import admin

from @APP@.models import Item


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    list_display = ["name", "price"]
""",
    "views.py": """\
from django.http import HttpResponse

from @APP@.models import Item

CONSTANT = "version 000000"


def body(request):
    return HttpResponse(text())


def text():
    return "version 000000"


def constant(request):
    return HttpResponse(CONSTANT)


def model(request):
    return HttpResponse(Item(name="x").label())
""",
    "urls.py": """\
from django.urls import path

from @APP@ import views

urlpatterns = [
    path("body", views.body),
    path("constant", views.constant),
    path("model", views.model),
]
""",
}
_URL = 'urlpatterns.append(path("new@", views.new@))\n'
_VIEW = '\n\ndef new@(request):\n    return HttpResponse("version @")\n'


_PART_NAMES = [f"part{number:02}" for number in range(PARTS)]


def _bare(folder: Path) -> None:
    (folder / "app.py").write_text(_ASGI)


def _loaded(folder: Path) -> None:
    (folder / "app.py").write_text(_LOADED.replace("@LOADING@", str(LOADING_S)) + _ASGI)


def _fastapi(folder: Path) -> None:
    shop = _package(folder / "shop")
    (shop / "ver.py").write_text(_VER)
    (shop / "database.py").write_text(_DATABASE)
    models, parts = _package(shop / "models"), _package(shop / "parts")
    for number in range(MODELS):
        (models / f"item{number:02}.py").write_text(_MODEL.replace("@N@", f"{number:02}"))
    for number in range(PARTS):
        text = _ROUTER.replace("@N@", f"{number:02}").replace("@M@", f"{number % MODELS:02}")
        (parts / f"part{number:02}.py").write_text(text)
    main = _FASTAPI.replace("@IMPORTS@", "\n".join(f"from shop.parts import {part}" for part in _PART_NAMES))
    (shop / "main.py").write_text(main.replace("@NAMES@", ", ".join(_PART_NAMES)))


def _flask(folder: Path) -> None:
    shop = _package(folder / "shop")
    (shop / "app.py").write_text(_FLASK_APP)
    for number in range(PARTS):
        (shop / f"part{number:02}.py").write_text(_FLASK_PART.replace("@N@", f"{number:02}"))
    imports = "\n".join(f"import shop.{part}" for part in _PART_NAMES)
    (shop / "main.py").write_text(_FLASK_MAIN.replace("@IMPORTS@", imports))


def _django(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "project", "."],
        cwd=folder,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    names = [f"app{number:02}" for number in range(DJANGO_APPS)]
    for name in names:
        package = _package(folder / name)
        for file, text in _DJANGO_FILES.items():
            (package / file).write_text(text.replace("@APP@", name))
    with (folder / "project" / "settings.py").open("a") as settings:
        settings.write(f'\nINSTALLED_APPS += {names!r}\nDEFAULT_AUTO_FIELD = "django.db.models.AutoField"\n')
    paths = "".join(f'    path("{name}/", include("{name}.urls")),\n' for name in names)
    (folder / "project" / "urls.py").write_text(
        "from django.contrib import admin\n"
        "from django.http import HttpResponse\n"
        "from django.urls import include, path\n\n"
        "urlpatterns = [\n"
        '    path("admin/", admin.site.urls),\n'
        '    path("", lambda request: HttpResponse("running")),\n'
        f"{paths}]\n"
    )


def _package(folder: Path) -> Path:
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    return folder


def _both(place: str, file: str, path: str) -> tuple[Edit, Edit]:
    """Return the edits of a function's body and of a constant in one file."""
    return (
        Edit(f"body, {place}", f"{path}/body", file, BODY),
        Edit(f"constant, {place}", f"{path}/constant", file, CONSTANT),
    )


_METHOD = f"    {BODY}"
_ROUTER_EDITS = tuple(
    edit
    for part in (6, 26, 46)
    for edit in _both(f"router {part}", f"shop/parts/part{part:02}.py", f"/part{part:02}")
)
EDITED_APPS = (
    EditedApp("bare", "A bare ASGI app", "asgi", "app:app", "app.py", _bare, _both("the file", "app.py", "")),
    EditedApp(
        "loaded",
        f"One file that loads for {LOADING_S} s at its top",
        "asgi",
        "app:app",
        "app.py",
        _loaded,
        (Edit("body, the file", "/body", "app.py", BODY),),
    ),
    EditedApp(
        "fastapi",
        f"FastAPI, SQLAlchemy and pandas: {PARTS} routers, {MODELS} modules with models",
        "asgi",
        "shop.main:app",
        "shop.main:app",
        _fastapi,
        (
            Edit("body, what all routers use", "/part26/ver/body", "shop/ver.py", BODY),
            Edit("constant, what all routers use", "/part26/ver/constant", "shop/ver.py", CONSTANT),
            *_ROUTER_EDITS,
            Edit("body, a model's method", "/part26/model/body", "shop/models/item01.py", _METHOD),
            Edit("constant, a model's module", "/part26/model/constant", "shop/models/item01.py", CONSTANT),
            *_both("main", "shop/main.py", ""),
        ),
        ("fastapi", "sqlalchemy", "pandas"),
    ),
    EditedApp(
        "flask",
        f"Flask: {PARTS} modules on one app",
        "flask",
        "shop.main:app",
        "shop.main:app",
        _flask,
        _both("a module", "shop/part26.py", "/part26"),
        ("flask",),
    ),
    EditedApp(
        "django",
        f"A Django project of {DJANGO_APPS} apps",
        "django",
        "",
        "manage.py",
        _django,
        (
            Edit("body, a view", "/app20/body", "app20/views.py", BODY),
            Edit("constant, a view's module", "/app20/constant", "app20/views.py", CONSTANT),
            Edit("body, a model's method", "/app20/model", "app20/models.py", _METHOD),
            Edit(
                "a new URL and its view",
                "/app20/new@",
                appended=(("app20/views.py", _VIEW), ("app20/urls.py", _URL)),
            ),
        ),
        ("django",),
    ),
)
