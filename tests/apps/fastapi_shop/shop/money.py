"""How prices are written."""

CURRENCY = "EUR"


def written(amount: int) -> str:
    return f"{amount} {CURRENCY}"
