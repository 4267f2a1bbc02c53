"""conn.state: what it keeps, what it refuses, and when."""

from __future__ import annotations

import copy
import datetime
import enum
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.common.errors import StateError
from devserver.worker.run.state import MAXIMUM, State

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | KEYS
    | st.binary(max_size=5)
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)


class Colour(enum.IntEnum):
    RED = 1


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_is_kept_comes_back_equal(values: dict[str, Any]) -> None:
    """Any nesting of the allowed values survives the way to the Master and back, types included."""
    state = State(values)
    back = State.decode(state.encode())
    assert repr(back) == repr(values)
    assert State.decode(back.encode()) == state


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1}, "conn.state['user']: a set cannot be kept; use a list"),
        ((1,), "conn.state['user']: a tuple cannot be kept; use a list"),
        ({"a": [0, bytearray()]}, "conn.state['user']['a'][1]: a bytearray cannot be kept; use bytes"),
        ({1: 2}, "conn.state['user'][1]: a key must be a str, not an int"),
        (Colour.RED, "conn.state['user']: a Colour cannot be kept; use a plain int"),
        (State(), "conn.state['user']: a State cannot be kept; use a plain dict"),
        (2**64, "conn.state['user']: an int of more than 64 bits cannot be kept; use a str"),
        ("\ud800", "conn.state['user']: '\\ud800' is not valid Unicode and cannot be kept; use bytes"),
        (
            datetime.date(2024, 1, 2),
            "conn.state['user']: a date cannot be kept; use None, bool, int, float, str, bytes, list or dict",
        ),
        ("x" * MAXIMUM, "conn.state['user']: the state would be 65,552 bytes, at most 65,536 are kept"),
    ],
)
def test_anything_else_is_refused_by_name(value: object, message: str) -> None:
    """The error names key and type and what to use; the state stays as it was."""
    state = State({"old": 1})
    for mutate in (
        lambda: state.__setitem__("user", value),
        lambda: state.update(user=value),
        lambda: state.update({"user": value}),
        lambda: state.setdefault("user", value),
        lambda: state.__ior__({"user": value}),
    ):
        with pytest.raises(StateError) as raised:
            mutate()
        assert str(raised.value) == message
        assert state == {"old": 1}


def test_a_key_must_be_text() -> None:
    """A key of another type is refused, for it would come back as something else or not at all."""
    state = State()
    with pytest.raises(StateError, match=r"conn\.state\[3\]: a key must be a str, not an int"):
        state[3] = "x"  # type: ignore[index]


def test_what_contains_itself_is_refused() -> None:
    """Endless nesting is an error with a name, not a crash."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(StateError, match="contains itself"):
        State()["x"] = endless


def test_what_is_nested_is_checked_when_the_handler_returns() -> None:
    """A change inside a list is not seen at once, but never kept unchecked."""
    state = State({"tags": [], "big": []})
    state["tags"].append({1})
    with pytest.raises(StateError, match=r"conn\.state\['tags'\]\[0\]: a set"):
        state.encode()
    state["tags"].clear()
    state["big"].append("x" * MAXIMUM)
    with pytest.raises(StateError, match=r"conn\.state\['big'\]: the state would be"):
        state.encode()


@pytest.mark.parametrize(
    "mutate",
    [
        lambda state: state.__setitem__("a", 2),
        lambda state: state.__delitem__("a"),
        lambda state: state.update(b=1),
        lambda state: state.__ior__({}),
        lambda state: state.setdefault("b", 1),
        lambda state: state.pop("a"),
        lambda state: state.popitem(),
        lambda state: state.clear(),
        lambda state: state.replace({}),
    ],
)
def test_a_change_after_the_handler_is_an_error(mutate: Any) -> None:
    """Nothing is lost silently: a task that changes the state too late gets an error."""
    state = State({"a": 1})
    state.seal()
    with pytest.raises(StateError, match="after its handler had returned"):
        mutate(state)
    assert state == {"a": 1}
    assert state.setdefault("a") == 1


def test_it_is_a_dict_otherwise() -> None:
    """Removing, replacing and copying work; copies are plain dicts that may hold anything."""
    state = State({"a": 1, "b": [2], "c": 3})
    assert state.pop("c") == 3
    del state["a"]
    state |= {"d": None}
    assert copy.deepcopy(state) == pickle.loads(pickle.dumps(state)) == {"b": [2], "d": None}
    assert type(copy.copy(state)) is dict
    state.replace({"e": 1})
    assert msgspec.msgpack.decode(state.encode()) == {"e": 1}
    with pytest.raises(StateError):
        state.replace({"e": {1}})
    assert state == {"e": 1}
    state.popitem()
    state.clear()
    assert state.encode() == b"\x80"
    assert State.decode(b"") == {}
