"""Who is on this machine, and may see source code."""

from __future__ import annotations

import pytest

from devserver.common.local_client import is_local

CROSS = {"sec-fetch-site": "cross-site"}


@pytest.mark.parametrize(
    ("address", "headers", "local"),
    [
        ("127.0.0.1", {}, True),
        ("127.0.0.2", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        (None, {}, True),
        ("", {}, True),
        ("192.0.2.7", {}, False),
        ("::ffff:192.0.2.7", {}, False),
        ("172.17.0.1", {}, False),
        ("localhost", {}, False),
        ("127.0.0.1", {"sec-fetch-site": "same-origin"}, True),
        ("127.0.0.1", {"sec-fetch-site": "none"}, True),
        ("127.0.0.1", {"sec-fetch-site": "cross-site"}, False),
        ("127.0.0.1", {"sec-fetch-site": "same-site"}, False),
        ("127.0.0.1", {**CROSS, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ("127.0.0.1", {**CROSS, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, False),
        ("127.0.0.1", {**CROSS, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "document"}, False),
        ("127.0.0.1", {**CROSS, "origin": "http://localhost:5173"}, True),
        ("127.0.0.1", {**CROSS, "origin": "https://app.localhost"}, True),
        ("127.0.0.1", {**CROSS, "origin": "http://[::1]:3000"}, True),
        ("127.0.0.1", {**CROSS, "origin": "http://127.0.0.1"}, True),
        ("127.0.0.1", {**CROSS, "origin": "https://evil.example"}, False),
        ("127.0.0.1", {**CROSS, "origin": "http://localhost.evil.example"}, False),
        ("127.0.0.1", {**CROSS, "origin": "http://localhost@evil.example"}, False),
        ("127.0.0.1", {**CROSS, "origin": "http://192.168.1.5:5173"}, False),
        ("127.0.0.1", {**CROSS, "origin": "null"}, False),
        ("192.0.2.7", {**CROSS, "origin": "http://localhost:5173"}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, True),
        ("127.0.0.1", {"x-forwarded-for": "::1, 127.0.0.1:5173"}, True),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1, 203.0.113.7"}, False),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7, 127.0.0.1"}, False),
        ("127.0.0.1", {"x-forwarded-for": "unknown"}, False),
        (None, {"x-forwarded-for": "203.0.113.7"}, False),
        ("127.0.0.1", {"x-real-ip": "203.0.113.7"}, False),
        ("127.0.0.1", {"x-real-ip": "127.0.0.1"}, True),
        ("127.0.0.1", {"forwarded": 'for="[::1]:4711";proto=http'}, True),
        ("127.0.0.1", {"forwarded": "proto=http;For=203.0.113.7, for=127.0.0.1"}, False),
        ("127.0.0.1", {"forwarded": "for=_hidden"}, False),
        ("127.0.0.1", {"forwarded": "by=127.0.0.1"}, False),
    ],
)
def test_only_what_is_clearly_local_is(address: str | None, headers: dict[str, str], local: bool) -> None:
    """An address of another machine, or one that a proxy speaks for, is not; nor is what cannot be read."""
    assert is_local(address, lambda name: headers.get(name, "")) == local
