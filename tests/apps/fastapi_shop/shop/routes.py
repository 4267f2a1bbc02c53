"""The pages of the shop."""

import threading

from fastapi import APIRouter, Request
from pydantic import BaseModel

from shop.dependencies import CustomerOf, SessionOf, StockOf
from shop.money import written

router = APIRouter()
GREETING = "welcome"


class Order(BaseModel):
    name: str
    count: int = 1


@router.get("/")
async def index() -> dict[str, str]:
    return {"greeting": GREETING}


@router.get("/price/{name}")
async def price(name: str, stock: StockOf) -> dict[str, str]:
    return {"price": written(stock.price(name))}


@router.post("/orders", status_code=201)
async def orders(order: Order, customer: CustomerOf, stock: StockOf, session: SessionOf) -> dict[str, str]:
    session.append(order.name)
    return {"for": customer, "total": written(order.count * stock.price(order.name))}


@router.get("/thread")
def thread() -> dict[str, str]:
    return {"thread": threading.current_thread().name, "greeting": GREETING}


@router.put("/echo")
@router.get("/echo")
async def echo(request: Request) -> str:
    return f"{GREETING} {len(await request.body())}"
