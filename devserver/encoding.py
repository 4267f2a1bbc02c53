"""Encodes messages and events whatever text the app put into them.

Law: text that is no valid Unicode (an undecodable file name, a lone surrogate in an exception's message) is
escaped where it stands; it never keeps a message from being sent.
"""

from __future__ import annotations

from typing import Any

import msgspec


def encode(encoder: msgspec.json.Encoder | msgspec.msgpack.Encoder, message: Any) -> bytes:
    """Encode a message as `encoder` does."""
    try:
        return encoder.encode(message)
    except UnicodeEncodeError:
        return encoder.encode(_escaped(msgspec.to_builtins(message, builtin_types=(bytes,))))


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_escaped(key): _escaped(item) for key, item in value.items()}
        case list() | tuple():
            return [_escaped(item) for item in value]
        case _:
            return value
