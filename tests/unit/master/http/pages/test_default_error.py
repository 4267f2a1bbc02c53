"""Which answers to a failure are no page of the app's."""

from __future__ import annotations

import pytest

from devserver.master.http.pages.default_error import LONGEST, may_be_default

WERKZEUG = (
    "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n"
    "<h1>Internal Server Error</h1>\n"
    "<p>The server encountered an internal error and was unable to complete your request. "
    "Either the server is overloaded or there is an error in the application.</p>\n"
)
DJANGO = (
    '\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Server Error (500)</title>\n</head>\n<body>\n'
    "  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n"
)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain; charset=utf-8", "Internal Server Error"),
        ("text/plain", "Internal Server Error\n"),
        ("", "internal server error"),
        ("text/html", "<h1>500 Internal Server Error</h1>"),
        ("text/html; charset=utf-8", WERKZEUG),
        ("text/html", DJANGO),
        (
            "text/html",
            "<title>Error: 500 Internal Server Error</title><h1>Error: 500 Internal Server Error</h1>",
        ),
        ("application/json", '{"status_code":500,"detail":"Internal Server Error"}'),
        ("application/json", '"Internal Server Error"'),
    ],
)
def test_the_words_of_frameworks(kind: str, body: str) -> None:
    """They say no more than the status."""
    assert may_be_default([(b"content-type", kind.encode())], body.encode(), False)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", ""),
        ("text/plain", "Internal Server Error: call Ada"),
        ("text/html", "<h1>Internal Server Error</h1><p>We are sorry."),
        ("text/html", "<h1>Oh no</h1>"),
        ("application/json", '{"error":"Internal Server Error","request":"a1"}'),
        ("application/json", "{"),
        ("image/png", "Internal Server Error"),
        ("text/plain", "Internal Server Error" + " " * LONGEST),
    ],
)
def test_anything_else_is_the_apps_own(kind: str, body: str) -> None:
    """However little more it says."""
    assert not may_be_default([(b"content-type", kind.encode())], body.encode(), False)


def test_what_is_not_complete_may_turn_out() -> None:
    """Unless it is too long, or compressed."""
    text = [(b"content-type", b"text/plain")]
    assert may_be_default(text, b"Inter", True)
    assert not may_be_default(text, b"x" * (LONGEST + 1), True)
    assert not may_be_default([*text, (b"content-encoding", b"br")], b"", True)
