"""Descriptions of values hold no address."""

from __future__ import annotations

import pytest

from devserver.worker.warm.describe import Describer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<object at 0x7f3a5c2b1d90>", "str '<object at 0x>'"),
        ("main.Item:915579024", "str 'main.Item:0x'"),
        ("main.Item:94087654321012", "str 'main.Item:0x'"),
        ("http://localhost:8000", "str 'http://localhost:8000'"),
    ],
)
def test_two_processes_give_the_same_text(text: str, expected: str) -> None:
    """Ids differ from process to process, and have nine digits where the heap lies low."""
    assert Describer(lambda _module: True).value(text, "main.text") == expected
