"""Turns our own HTML into data, from which our script builds elements: no policy forbids that. Pure."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

Node = str | list[Any]
"""Text, or an element: its name, its attributes, its children."""
_VOID = frozenset({"br", "hr", "img", "wbr"})


def nodes(html: str) -> list[Node]:
    """Return the elements and texts of `html`, which must close every element that can be closed."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.top


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.top: list[Node] = []
        self._open: list[list[Node]] = [self.top]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element: list[Any] = [tag, {name: value or "" for name, value in attrs}]
        self._open[-1].append(element)
        if tag not in _VOID:
            self._open.append(element)  # its children follow name and attributes

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].append(data)
