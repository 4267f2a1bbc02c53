"""The keys and their meanings; pure.

Pasted text, and the sequences of arrow and function keys, mean nothing.
"""

from __future__ import annotations

import re
from typing import Literal

Key = Literal["reload", "stop", "help", "open", "clear", "error", "processes", "urls", "unknown"]
"""A key's action; `unknown`: a key without one."""

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
    "h": "show or hide these keys",
    "r": "reload: start the code again",
    "o": "open the app in the browser",
    "c": "clear the screen and the failures",
    "e": "show the whole last error",
    "p": "processes, and the last timeline",
    "u": "show all addresses",
    "q": "quit; again: without waiting",
}

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What one press of a special key sends (ECMA-48 5.4: CSI; SS3 and Alt-key of xterm)."""


def decode(data: bytes) -> list[Key]:
    """Return the actions of the keys in the bytes of one read of the terminal.

    A read that has any other letter is a paste or a typing error: it is one unknown key.
    """
    letters = _SEQUENCE.sub(b"", data).decode("ascii", "replace").lower()
    pressed = [letter for letter in letters if not letter.isspace()]
    if any(letter not in KEYS for letter in pressed):
        return ["unknown"]
    return [KEYS[letter] for letter in pressed]
