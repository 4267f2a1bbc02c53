"""Finds the beginning of the head of an HTML page, in text that comes in pieces: pure.

Law: it agrees with the HTML standard's parser (sections 13.2.5 and 13.2.6) on what may stand before the head:
white space, comments, a doctype and the tag `html`. Only a tag whose name is not complete is held back.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SPACE = " \t\n\r\f"
_OPENINGS = ("<html", "<head", "<!--")
_COMMENT_END = re.compile("--!?>")
_DONE = "done"
_ATTRIBUTES: dict[str, dict[str, str]] = {
    "before": {**dict.fromkeys(_SPACE, "before"), "/": "before", ">": _DONE, "": "name"},
    "name": {**dict.fromkeys(_SPACE, "after"), "/": "before", ">": _DONE, "=": "value", "": "name"},
    "after": {**dict.fromkeys(_SPACE, "after"), "/": "before", ">": _DONE, "=": "value", "": "name"},
    "value": {**dict.fromkeys(_SPACE, "value"), '"': "double", "'": "single", ">": _DONE, "": "bare"},
    "double": {'"': "before", "": "double"},
    "single": {"'": "before", "": "single"},
    "bare": {**dict.fromkeys(_SPACE, "before"), ">": _DONE, "": "bare"},
}
"""The tokenizer's states within a tag: state → character → state; "" stands for any other character."""

Step = Callable[[str], int]
"""Consumes text; returns how many characters, fewer than all if the state has changed or more is needed."""


class HeadFinder:
    """`feed` it text until it has found the head, or the first content of a page without one."""

    def __init__(self) -> None:
        self.found = False
        self._held = ""
        self._step: Step = self._between
        self._in_head = False
        """The present tag is `head`, not `html`."""
        self._attributes = "before"
        self._tail = ""
        """The last characters of a comment, which may be the first of its end."""

    def feed(self, text: str, more: bool) -> tuple[str, str]:
        """Return the new text before the place, and the text after it.

        Until the place is found the second is empty, and a few characters may be held back. `more` false: the
        text has ended; its end is the place if there is no other.
        """
        text = self._held + text
        at = 0
        while at < len(text) and not self.found:
            step, taken = self._step, self._step(text[at:])
            at += taken
            if not taken and self._step == step:  # more is needed
                break
        if not more:
            self.found = True
        self._held = "" if self.found else text[at:]
        return text[:at], text[at:] if self.found else ""

    def _between(self, text: str) -> int:
        rest = text.lstrip(_SPACE)
        blank = len(text) - len(rest)
        if not rest:
            return blank
        if rest.startswith(("<!", "<?")):
            if rest in ("<!", "<!-"):
                return blank
            is_comment = rest.startswith("<!--")
            self._step, self._tail = self._comment_start if is_comment else self._markup, ""
            return blank + (4 if is_comment else 2)
        name = rest[:5].lower()
        if name in ("<html", "<head") and len(rest) > 5 and rest[5] in f"{_SPACE}/>":
            self._step, self._attributes, self._in_head = self._tag, "before", name == "<head"
            return blank + 5
        is_incomplete = len(rest) <= 5 and any(opening.startswith(name) for opening in _OPENINGS)
        self.found = not is_incomplete
        return blank

    def _comment_start(self, text: str) -> int:
        if text[0] == ">" or (self._tail == "" and text[0] != "-"):
            self._step = self._between if text[0] == ">" else self._comment
            return text[0] == ">"
        if self._tail == "-":
            self._step = self._comment
            return 0
        self._tail = "-"
        return 1

    def _comment(self, text: str) -> int:
        found = _COMMENT_END.search(self._tail + text)
        if found is None:
            self._tail = (self._tail + text)[-3:]
            return len(text)
        self._step = self._between
        return found.end() - len(self._tail)

    def _markup(self, text: str) -> int:
        """Read a doctype, or what the standard calls a bogus comment."""
        end = text.find(">") + 1
        if end:
            self._step = self._between
        return end or len(text)

    def _tag(self, text: str) -> int:
        for at, character in enumerate(text):
            state = _ATTRIBUTES[self._attributes]
            self._attributes = state.get(character, state[""])
            if self._attributes == _DONE:
                self._step, self.found = self._between, self._in_head
                return at + 1
        return len(text)
