"""Which keys give which orders; pure.

What is pasted, and what the arrow and function keys send, gives none.
"""

from __future__ import annotations

import re
from typing import Literal

Order = Literal["reload", "stop"]

KEYS: dict[str, Order] = {"r": "reload", "q": "stop"}

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What one press of a special key sends (ECMA-48 5.4: CSI; SS3 and Alt-key of xterm)."""


def decode(data: bytes) -> list[Order]:
    """Return the orders in what one read of the terminal gave.

    A read with any other letter in it is a paste or a slip: it gives none at all.
    """
    letters = _SEQUENCE.sub(b"", data).decode("ascii", "replace").lower()
    pressed = [letter for letter in letters if not letter.isspace()]
    if any(letter not in KEYS for letter in pressed):
        return []
    return [KEYS[letter] for letter in pressed]
