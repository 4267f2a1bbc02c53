"""What there is, and what it costs."""

PRICES = {"tea": 3, "coffee": 4}


class Stock:
    """One per process; how often it was asked shows which process answers."""

    def __init__(self) -> None:
        self.asked = 0

    def price(self, name: str) -> int:
        self.asked += 1
        return PRICES[name]
