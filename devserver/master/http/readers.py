"""CORS headers for our own answers: a page of another port of this machine may read them. Pure.

Law: this makes no answer of the app readable. A page of another site can read none of ours.
"""

from __future__ import annotations

from msgspec.structs import replace

from devserver.ipc.messages import Headers
from devserver.master.http.pages.answers import Answer

_ASKS = b"access-control-request-"
_ALLOWS = {
    b"access-control-request-method": b"access-control-allow-methods",
    b"access-control-request-headers": b"access-control-allow-headers",
    b"access-control-request-private-network": b"access-control-allow-private-network",
}


def readable(answer: Answer, origin: bytes) -> Answer:
    """Return an answer that a page of the trusted `origin` may read."""
    opened = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]
    return replace(answer, headers=[*answer.headers, *opened])


def preflight(method: str, headers: Headers) -> Answer | None:
    """Return the answer to a CORS preflight request, None if this is not one."""
    if method != "OPTIONS" or all(name != _ASKS + b"method" for name, _ in headers):
        return None
    return Answer(204, [(_ALLOWS[name], value) for name, value in headers if name in _ALLOWS], b"")
