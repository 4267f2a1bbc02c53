"""`conn.state`: a small dict that outlives reloads and deaths of Workers, because the Master keeps it.

Law: a value that cannot be kept is refused when it is put in, with its key. The dict is stored when the
handler returns; later changes raise, because they would be lost silently.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from devserver.common.errors import StateError

MAXIMUM = 64 * 1024
"""The longest state, in bytes of msgpack."""

_DEEPEST = 64
_KEPT = (bool, int, float, str, bytes, list, dict)
_HINTS: dict[type, str] = {
    tuple: "a list",
    set: "a list",
    frozenset: "a list",
    bytearray: "bytes",
    memoryview: "bytes",
}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, Any])


class State(dict[str, Any]):
    """Values: None, bool, int of 64 bits, float, str, bytes, and lists and dicts of these; 64 KiB in all."""

    __slots__ = ("_sealed",)

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._sealed = False
        if values:
            self.update(values)

    @classmethod
    def decode(cls, packed: bytes) -> State:
        """Return the state that the Master sent; it is not checked again."""
        state = cls()
        if packed:
            dict.update(state, _decoder.decode(packed))
        return state

    def encode(self) -> bytes:
        """Return the state as msgpack. Raises StateError: nested values may have changed unnoticed."""
        return _encode(self, None)

    def seal(self) -> None:
        """Refuse every change from now on: the handler has returned."""
        self._sealed = True

    def replace(self, values: dict[str, Any]) -> None:
        """Hold `values` and nothing else."""
        self._check_open()
        new = dict(values)
        _encode(new, None)
        super().clear()
        super().update(new)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)  # copies are plain dicts

    def __setitem__(self, key: str, value: Any) -> None:
        self._put({key: value})

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self._put({key: default})
        return self[key]

    def update(self, *args: Any, **values: Any) -> None:
        self._put(dict(*args, **values))

    def __ior__(self, other: Any) -> State:  # type: ignore[override,misc]
        self._put(dict(other))
        return self

    def __delitem__(self, key: str) -> None:
        self._check_open()
        super().__delitem__(key)

    def pop(self, *args: Any) -> Any:
        self._check_open()
        return super().pop(*args)

    def popitem(self) -> tuple[str, Any]:
        self._check_open()
        return super().popitem()

    def clear(self) -> None:
        self._check_open()
        super().clear()

    def _put(self, values: dict[str, Any]) -> None:
        self._check_open()
        for key, value in values.items():
            _check_entry(key, value, "conn.state", 0)
        _encode({**self, **values}, next(iter(values), None))
        super().update(values)

    def _check_open(self) -> None:
        if self._sealed:
            raise StateError(
                "conn.state was changed after its handler had returned, when it was stored: "
                "change it in the handler"
            )


def _encode(values: dict[str, Any], key: str | None) -> bytes:
    """Return `values` as msgpack; `key` is named if they are too long."""
    if key is None:
        for name, value in values.items():
            _check_entry(name, value, "conn.state", 0)
    packed = _encoder.encode(dict(values))
    if len(packed) > MAXIMUM:
        if key is None:
            key = max(values, key=lambda name: len(_encoder.encode(values[name])))
        raise StateError(
            f"conn.state[{key!r}]: the state would be {len(packed):,} bytes, at most {MAXIMUM:,} are kept"
        )
    return packed


def _check_entry(key: object, value: object, where: str, depth: int) -> None:
    if type(key) is not str:
        raise StateError(f"{where}[{key!r}]: a key must be a str, not {_a(type(key))}")
    _check_str(key, where)
    _check(value, f"{where}[{key!r}]", depth + 1)


def _check(value: object, where: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise StateError(f"{where}: nested more than {_DEEPEST} levels deep, or it contains itself")
    kind = type(value)
    if value is None or kind in (bool, float, bytes):
        return
    if isinstance(value, str) and kind is str:
        _check_str(value, where)
    elif isinstance(value, int) and kind is int:
        if not -(2**63) <= value < 2**64:
            raise StateError(f"{where}: an int of more than 64 bits cannot be kept; use a str")
    elif isinstance(value, list) and kind is list:
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]", depth + 1)
    elif isinstance(value, dict) and kind is dict:
        for key, item in value.items():
            _check_entry(key, item, where, depth)
    else:
        _refuse(value, where)


def _check_str(value: str, where: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise StateError(f"{where}: {value!r} is not valid Unicode and cannot be kept; use bytes") from None


def _refuse(value: object, where: str) -> NoReturn:
    kind = type(value)
    hint = _HINTS.get(kind) or next(
        (f"a plain {base.__name__}" for base in _KEPT if isinstance(value, base)),
        "None, bool, int, float, str, bytes, list or dict",
    )
    raise StateError(f"{where}: {_a(kind)} cannot be kept; use {hint}")


def _a(kind: type) -> str:
    name = kind.__name__
    return f"an {name}" if name[:1].lower() in ("a", "e", "i", "o", "u") else f"a {name}"
