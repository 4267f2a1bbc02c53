"""Encodes messages and events whatever text the app put into them.

Law: text that is not valid Unicode (an undecodable file name, a lone surrogate) never stops a message.
People and other programs get it escaped; between devserver's own processes it arrives unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


def encode(encoder: msgspec.json.Encoder | msgspec.msgpack.Encoder, message: Any) -> bytes:
    """Encode a message as `encoder` does, for any reader."""
    try:
        return encoder.encode(message)
    except UnicodeEncodeError:
        return encoder.encode(_with_text(_builtins(message), _escaped))


def wrap(encoder: msgspec.msgpack.Encoder, message: Any) -> bytes:
    """Encode a message that `encoder` cannot encode as it is; `unwrap` gives it back."""
    return encoder.encode(_with_text(_builtins(message), _wrapped))


def unwrap(data: bytes | memoryview, wanted: Any) -> Any:
    """Return the message of type `wanted` that `wrap` has encoded. Raises msgspec.MsgspecError."""
    return msgspec.convert(_with_text(msgspec.msgpack.decode(data), _unwrapped), wanted)


def _builtins(message: Any) -> Any:
    return msgspec.to_builtins(message, builtin_types=(bytes,))


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _wrapped(text: str) -> str:
    """Return valid Unicode text; a null character marks text that was not valid, or that has one itself."""
    if not text.startswith("\0"):
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text
    return "\0" + text.encode("utf-8", "surrogatepass").decode("latin-1")


def _unwrapped(text: str) -> str:
    if not text.startswith("\0"):
        return text
    return text[1:].encode("latin-1").decode("utf-8", "surrogatepass")


def _with_text(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {_with_text(key, change): _with_text(item, change) for key, item in value.items()}
        case list() | tuple():
            return [_with_text(item, change) for item in value]
        case _:
            return value
