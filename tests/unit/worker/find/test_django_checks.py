"""Where a failing check of Django's has its fault."""

from __future__ import annotations

from typing import Any

import pytest

from devserver.worker.find.django_checks import explained, place_of


class Model:
    """Stands for a model."""

    name: str = "a field, with its type"
    owner = "another"


class Field:
    """Stands for a field."""

    def __init__(self, name: str) -> None:
        self.model = Model
        self.name = name


class Message:
    """Stands for what a check has found."""

    def __init__(self, text: str, obj: Any, serious: bool = True) -> None:
        self.text, self.obj, self.serious = text, obj, serious

    def is_serious(self) -> bool:
        return self.serious

    def __str__(self) -> str:
        return self.text


def line_of(text: str) -> int:
    """Return the number of the one line here that begins so."""
    with open(__file__) as file:
        (found,) = [number for number, line in enumerate(file, 1) if line.startswith(text)]
    return found


@pytest.mark.parametrize(
    ("subject", "line"),
    [
        (Field("name"), "    name: str ="),
        (Field("owner"), "    owner ="),
        (Field("gone"), "class Model"),
        (Model, "class Model"),
        (Model(), "class Model"),
    ],
)
def test_a_field_or_a_class_is_found(subject: Any, line: str) -> None:
    """Its own line, else that of its class."""
    assert place_of(subject) == (__file__, line_of(line))


@pytest.mark.parametrize("subject", [None, "shop", 1, pytest.fixture, type("Made", (), {})])
def test_what_has_no_line_of_the_apps_gets_none(subject: Any) -> None:
    """Nothing is claimed."""
    assert place_of(subject) is None


def test_serious_messages_are_reported_once() -> None:
    """With the place of the first that has one; silenced ones and warnings are left out."""
    error = ValueError("all of it, once more")
    messages = [
        Message("warned", Model, serious=False),
        Message("first", None),
        Message("silenced", Model),
        Message("second", Field("owner")),
    ]
    explained(error, messages, lambda each: str(each) == "silenced")
    assert str(error) == "first\nsecond"
    assert (error.filename, error.lineno) == (__file__, line_of("    owner ="))  # type: ignore[attr-defined]
