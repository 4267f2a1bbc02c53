"""The Master's own answers: while there is no good code, and when a request has failed.

Law: a client on another machine learns that there is a failure, and nothing about the code.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from devserver.common import encoding
from devserver.common.failure import Failure
from devserver.master.http.pages import failure_html, failure_text, layout
from devserver.master.http.pages.layout import LIVE_PATH
from devserver.master.http.pages.negotiate import Form, choose

__all__ = ["LIVE_PATH", "Answer", "busy", "fingerprint", "gone", "handlers_only", "refused", "unavailable"]

STARTING = "The app is not running yet."
ELSEWHERE = "The app is not running: the reason is shown where devserver runs."
NO_APP = (
    "This module has handlers for WebSocket and TCP, and no app: "
    "define app (ASGI or WSGI), or put an index.html beside it."
)

_TYPES: dict[Form, bytes] = {
    "text": b"text/plain; charset=utf-8",
    "json": b"application/json",
    "html": b"text/html; charset=utf-8",
}
_AGAIN = (b"retry-after", b"1")
_ENCODER = msgspec.json.Encoder()


REFRESHES_ITSELF = -1
"""Instead of a generation: a page of our own, which has its own script."""


class Answer(Struct, frozen=True):
    """A whole response; the names of its headers are in lower case, as ASGI requires."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    made_by: int | None = REFRESHES_ITSELF
    """The generation that made the page, None for the index.html beside the handlers."""


class Refusal(Struct, frozen=True):
    """Why a request is refused; `text` is one sentence for its sender."""

    status: int
    text: str


def fingerprint(failures: tuple[Failure, ...]) -> str:
    """Return a key of these failures, which is unique in this process."""
    return f"{hash(failures) & (1 << 64) - 1:x}"


class Asker(Struct, frozen=True):
    """The client: its Accept header, whether it may see source code, whether it sent a form or the like."""

    accept: bytes
    local: bool
    is_form: bool = False


def unavailable(failures: tuple[Failure, ...], asker: Asker, *, root: str, editor: str = "") -> Answer:
    """Answer 503 while there is no good code, with the `failures` of the newest code.

    The HTML page polls LIVE_PATH and reloads itself; the answer to a form shows when the code works again.
    """
    form = choose(asker.accept)
    if asker.local and failures:
        body = _failure_body(failures, form, root, editor, asker.is_form)
    else:
        seen = fingerprint(failures)
        body = _sentence_body(ELSEWHERE if failures else STARTING, form, seen, is_form=asker.is_form)
    return _answer(503, form, body, _AGAIN)


def crashed(failure: Failure, request: str, made_by: int, *, root: str, editor: str = "") -> Answer:
    """Answer 500, as a page for a browser on this machine: the app has raised in `request`.

    `made_by` is the generation that raised; the page refreshes itself as the app's own pages do.
    """
    title = f"✗ {failure_text.reason(failure)}"
    page = layout.document(title, failure_html.body((failure,), root, editor), note=f"500 · {request}")
    answer = _answer(500, "html", _bytes(page))
    headers = [(n, layout.OPEN_POLICY if n == b"content-security-policy" else v) for n, v in answer.headers]
    return replace(answer, headers=headers, made_by=made_by)


def gone(reason: str, accept: bytes) -> Answer:
    """Answer 502: the Worker that had the request is dead; `reason` is one sentence."""
    return _plain(502, reason, accept)


def busy(text: str, accept: bytes) -> Answer:
    """Answer 503: a stated limit was reached; `text` names it."""
    return _plain(503, text, accept, _AGAIN)


def handlers_only(accept: bytes) -> Answer:
    """Answer 404: the code has handlers and no app."""
    return _plain(404, NO_APP, accept)


def refused(refusal: Refusal) -> Answer:
    """Answer a request that the host check refuses; never with markup, because the client is not trusted."""
    return _answer(refusal.status, "text", _sentence_body(refusal.text, "text"))


def _plain(status: int, words: str, accept: bytes, *more: tuple[bytes, bytes]) -> Answer:
    form = choose(accept)
    return _answer(status, form, _sentence_body(words, form), *more)


def _answer(status: int, form: Form, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    policy = [(b"content-security-policy", layout.POLICY)] if form == "html" else []
    headers = [
        (b"content-type", _TYPES[form]),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *policy,
        *more,
    ]
    return Answer(status, headers, body)


def _sentence_body(words: str, form: Form, seen: str = "", *, is_form: bool = False) -> bytes:
    """Return the body of an answer of one sentence."""
    match form:
        case "html":
            page = layout.document(words, failure_html.sentence(words), seen, is_form=is_form)
            return _bytes(page)
        case "json":
            return encoding.encode(_ENCODER, {"error": words}) + b"\n"
        case "text":
            return _bytes(f"devserver: {failure_text.printable(words)}\n")


@lru_cache(maxsize=8)  # all requests that waited for a refused save get their answers at once
def _failure_body(failures: tuple[Failure, ...], form: Form, root: str, editor: str, is_form: bool) -> bytes:
    """Return the body of an answer that shows the failures."""
    first = failures[0]
    where = f"{failure_text.location(first.place, root)}: " if first.place else ""
    words = f"{failure_text.headline(first, root)}: {where}{failure_text.reason(first)}"
    match form:
        case "html":
            title = f"✗ {failure_text.reason(first)}"
            body = failure_html.body(failures, root, editor)
            return _bytes(layout.document(title, body, fingerprint(failures), is_form=is_form))
        case "json":
            described = [failure_text.as_json(failure, root) for failure in failures]
            return encoding.encode(_ENCODER, {"error": words, **described[0], "failures": described}) + b"\n"
        case "text":
            return _bytes(f"{failure_text.report(failures, root)}\n")


def _bytes(text: str) -> bytes:
    """Encode text that may name a file whose name cannot be decoded."""
    return text.encode("utf-8", "backslashreplace")
