"""What every event has."""

from __future__ import annotations

import time

import msgspec


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


class EventBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=_kebab):
    """An event; `at` is when it happened, in Unix time. Its name is that of its class, in kebab-case."""

    at: float = msgspec.field(default_factory=time.time)
