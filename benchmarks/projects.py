"""The two grown projects that the duel serves: FastAPI with 50 modules of its own, and a Django project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.apps import App

PARTS = 50

_DATABASE = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, sessionmaker

engine = create_engine("sqlite://")
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    pass
"""

_PART = """\
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column
import pandas as pd

from shop.database import Base, Session

router = APIRouter(prefix="/part@N@", tags=["part@N@"])


class Item@N@(Base):
    __tablename__ = "item@N@"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    parent: Mapped[int | None] = mapped_column(ForeignKey("item@N@.id"))
    price: Mapped[int] = mapped_column(default=0)


class Item@N@In(BaseModel):
    name: str = Field(min_length=1, max_length=80)
    price: int = Field(ge=0)


class Item@N@Out(Item@N@In):
    id: int


@router.get("/{number}")
def read(number: int) -> Item@N@Out:
    with Session() as session:
        item = session.scalars(select(Item@N@).where(Item@N@.id == number)).first()
    if item is None:
        raise HTTPException(404)
    return Item@N@Out(id=item.id, name=item.name, price=item.price)


@router.post("/")
def write(item: Item@N@In) -> Item@N@Out:
    return Item@N@Out(id=1, **item.model_dump())


def totals(rows: list[dict[str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows).groupby("name").sum()
"""

_MAIN = """\
import asyncio
import importlib

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

from shop.database import Base, engine

VERSION = "version @VERSION@"
app = FastAPI()
for number in range(@PARTS@):
    app.include_router(importlib.import_module(f"shop.parts.part{number:02}").router)
Base.metadata.create_all(engine)


@app.get("/", response_class=PlainTextResponse)
async def index():
    return VERSION


@app.get("/slow", response_class=PlainTextResponse)
async def slow():
    await asyncio.sleep(2)
    return VERSION


@app.get("/events")
async def events(request: Request):
    async def stream(number):
        while True:
            number += 1
            yield f"id: {number}\\ndata: {VERSION}\\n\\n"
            await asyncio.sleep(0.05)

    last = int(request.headers.get("last-event-id", 0))
    return StreamingResponse(stream(last), media_type="text/event-stream")


@app.websocket("/ws")
async def websocket(socket: WebSocket):
    await socket.accept()
    async for _ in socket.iter_text():
        await socket.send_text(VERSION)
"""

_MODELS = """\
from django.db import models


class Category(models.Model):
    name = models.CharField(max_length=80)


class Product(models.Model):
    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    category = models.ForeignKey(Category, on_delete=models.CASCADE)


class Order(models.Model):
    placed = models.DateTimeField(auto_now_add=True)
    products = models.ManyToManyField(Product)
"""

_VIEWS = """\
import itertools
import time

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.generic import ListView

from shop.models import Order, Product

VERSION = "version @VERSION@"


def index(request):
    return HttpResponse(VERSION, content_type="text/plain")


def slow(request):
    time.sleep(2)
    return HttpResponse(VERSION, content_type="text/plain")


def events(request):
    last = int(request.headers.get("Last-Event-ID", 0))

    def stream():
        for number in itertools.count(last + 1):
            yield f"id: {number}\\ndata: {VERSION}\\n\\n"
            time.sleep(0.05)

    return StreamingHttpResponse(stream(), content_type="text/event-stream")


def orders(request):
    return render(request, "shop/orders.html", {"orders": Order.objects.all()})


class Products(ListView):
    model = Product
"""

_URLS = """\
from django.contrib import admin
from django.urls import path

from shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.index),
    path("slow", views.slow),
    path("events", views.events),
    path("orders", views.orders),
    path("products", views.Products.as_view()),
]
"""

_TEMPLATE = "<ul>{% for one in object_list|default:orders %}<li>{{ one }}</li>{% endfor %}</ul>\n"


def _make_fastapi(folder: Path) -> None:
    parts = folder / "shop" / "parts"
    parts.mkdir(parents=True)
    for package in (parts.parent, parts):
        (package / "__init__.py").write_text("")
    (parts.parent / "database.py").write_text(_DATABASE)
    for number in range(PARTS):
        (parts / f"part{number:02}.py").write_text(_PART.replace("@N@", f"{number:02}"))


def _make_django(folder: Path) -> None:
    _django(folder, "-m", "django", "startproject", "project", ".")
    _django(folder, "manage.py", "startapp", "shop")
    with (folder / "project" / "settings.py").open("a") as settings:
        settings.write('\nINSTALLED_APPS += ["shop"]\n')
    (folder / "shop" / "models.py").write_text(_MODELS)
    (folder / "project" / "urls.py").write_text(_URLS)
    templates = folder / "shop" / "templates" / "shop"
    templates.mkdir(parents=True)
    for name in ("orders.html", "product_list.html"):
        (templates / name).write_text(_TEMPLATE)
    (folder / "shop" / "views.py").write_text(_VIEWS)
    _django(folder, "manage.py", "makemigrations", "shop")
    _django(folder, "manage.py", "migrate")


def _django(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
    )


FASTAPI_APP = App(
    key="fastapi",
    title="FastAPI, SQLAlchemy and pandas, with 50 modules of its own",
    interface="asgi",
    name="shop.main:app",
    target="shop.main:app",
    saved="shop/main.py",
    text=_MAIN.replace("@PARTS@", str(PARTS)),
    needs=("fastapi", "sqlalchemy", "pandas"),
    make=_make_fastapi,
    everything=False,
)
DJANGO_APP = App(
    key="django",
    title="A Django project, over WSGI",
    interface="django",
    name="",
    target="manage.py",
    saved="shop/views.py",
    text=_VIEWS,
    needs=("django",),
    make=_make_django,
    websocket=False,
)
