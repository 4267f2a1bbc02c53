"""What the routes depend on."""

from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Header, HTTPException

from shop.stock import Stock


@lru_cache
def stock() -> Stock:
    return Stock()


async def session() -> AsyncIterator[list[str]]:
    """Open before the route runs, closed after its answer."""
    notes = ["opened"]
    yield notes
    print(f"session closed after {notes}")


def customer(x_customer: Annotated[str, Header()] = "") -> str:
    if not x_customer:
        raise HTTPException(401, "who are you?")
    return x_customer


StockOf = Annotated[Stock, Depends(stock)]
SessionOf = Annotated[list[str], Depends(session)]
CustomerOf = Annotated[str, Depends(customer)]
