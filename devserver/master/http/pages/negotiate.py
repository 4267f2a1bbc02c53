"""Chooses the format of our own answers by the Accept header (RFC 9110, section 12.5.1).

Law: only a client that names HTML or JSON gets it; every other client gets plain text.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Form = Literal["text", "json", "html"]

MOST = 4096
"""Bytes of the header that are read."""

_TYPES: dict[Form, tuple[str, str]] = {
    "text": ("text", "plain"),
    "json": ("application", "json"),
    "html": ("text", "html"),
}
"""In the order of preference when the client states none."""


class _Range(NamedTuple):
    type: str
    subtype: str
    quality: float

    def matches(self, offered: tuple[str, str]) -> int:
        """Return how exactly this names `offered`: 3 by name, 2 by type, 1 as anything, 0 not at all."""
        if (self.type, self.subtype) == offered or (offered[1] == "json" and self.subtype.endswith("+json")):
            return 3
        if self.subtype == "*" and self.type in ("*", offered[0]):
            return 2 if self.type == offered[0] else 1
        return 0


def choose(accept: bytes) -> Form:
    """Return the format with the highest quality; among equals the one named most exactly, then first.

    A client that accepts none of them gets plain text: an unrequested format is better than no answer.
    """
    ranges = [found for text in accept[:MOST].decode("latin-1").split(",") if (found := _range(text))]
    best: Form = "text"
    score = (0.0, 0, 0)
    for form, offered in _TYPES.items():
        exact, place = max(((r.matches(offered), -at) for at, r in enumerate(ranges)), default=(0, 0))
        quality = ranges[-place].quality if exact else 0.0
        if quality and (quality, exact, place) > score:
            best, score = form, (quality, exact, place)
    return best


def _range(text: str) -> _Range | None:
    """Return one media range, or None if it is malformed. Parameters other than `q` are ignored."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    major, slash, minor = kind.partition("/")
    if not (major and slash and minor):
        return None
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
            if not 0 <= quality <= 1:
                return None
    return _Range(major, minor, quality)
