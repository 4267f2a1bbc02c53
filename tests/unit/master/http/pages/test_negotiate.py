"""Browsers read HTML, programs JSON, people with curl plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.master.http.pages.negotiate import choose


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "html"),
        (b"*/*", "text"),
        (b"", "text"),
        (b"application/json, text/plain, */*", "json"),
        (b"application/problem+json", "json"),
        (b"APPLICATION/JSON;charset=utf-8", "json"),
        (b"text/html;level=1 ; Q=0.3, application/json;q=0.4", "json"),
        (b"text/html;q=0.5, */*;q=0.8", "text"),
        (b"application/json, text/html", "json"),
        (b"text/html, application/json", "html"),
        (b"*/*, text/html", "html"),
        (b"application/*", "json"),
        (b"text/*", "text"),
        (b"text/*, text/plain;q=0", "html"),
        (b"*/*, text/plain;q=0, application/json;q=0.1", "html"),
        (b"image/avif,image/webp,*/*;q=0.8", "text"),
        (b"image/png", "text"),
        (b"text/html;q=0", "text"),
        (b"text/html;q=nan, text/plain;q=0.1", "text"),
        (b"text/html;q=2, application/json;q=x, */json", "text"),
        (b"html, /, text/, ;q=1", "text"),
        (b"x" * 100_000 + b",text/html", "text"),
    ],
)
def test_each_client_reads_the_form_that_it_asks_for(accept: bytes, form: str) -> None:
    """The highest quality wins, then the more exact name, then the one that stands first."""
    assert choose(accept) == form


@given(st.binary(max_size=60) | st.text("texhml/*;q=,01.", max_size=40).map(str.encode))
def test_no_header_breaks_it(accept: bytes) -> None:
    """Whatever a client claims to accept, it gets an answer."""
    assert choose(accept) in {"text", "json", "html"}
