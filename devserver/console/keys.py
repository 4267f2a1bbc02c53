"""Which keys mean what; pure.

Pasted text, and the sequences of arrow and function keys, mean nothing.
"""

from __future__ import annotations

import re
from typing import Literal

Key = Literal["reload", "stop", "help", "open", "clear", "error", "processes", "urls", "unknown"]
"""What a key asks for; `unknown`: a key that asks for nothing."""

KEYS: dict[str, Key] = {
    "h": "help",
    "r": "reload",
    "o": "open",
    "c": "clear",
    "e": "error",
    "p": "processes",
    "u": "urls",
    "q": "stop",
}
HELP = {
    "h": "these keys, on and off",
    "r": "reload: start the code again",
    "o": "open the app in the browser",
    "c": "clear the screen, and what failed",
    "e": "the last error, whole",
    "p": "processes, time of the last save",
    "u": "all addresses",
    "q": "quit; again: at once",
}

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What one press of a special key sends (ECMA-48 5.4: CSI; SS3 and Alt-key of xterm)."""


def decode(data: bytes) -> list[Key]:
    """Return the actions that the bytes of one read of the terminal ask for.

    A read with any other letter in it is a paste or a typing error: it asks for nothing else.
    """
    letters = _SEQUENCE.sub(b"", data).decode("ascii", "replace").lower()
    pressed = [letter for letter in letters if not letter.isspace()]
    if any(letter not in KEYS for letter in pressed):
        return ["unknown"]
    return [KEYS[letter] for letter in pressed]
