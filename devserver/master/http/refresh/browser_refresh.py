"""The Master's end of the refresh: adds the script to pages, serves it, and sends pages the state.

Law: only answers to navigations are changed. A request to one of our paths goes to the app, unless our script
sent it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from functools import cached_property
from importlib.resources import files
from typing import Any

from devserver.config import HttpConfig
from devserver.master.http.pages.answers import REFRESHES_ITSELF, Answer
from devserver.master.http.refresh.channel import Channel
from devserver.master.http.refresh.page import Head, Page
from devserver.master.http.refresh.state import State

SCRIPT = "/__devserver__/refresh.js"
CHANNEL = "/__devserver__/refresh"
QUERY = b"devserver="
"""The prefix of our query: without it, the path is the app's."""
_FOREIGN = b"devserver: only pages of this server may listen.\n"

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Navigation:
    """A navigation, and the page that answers it."""

    def __init__(self, page: Page, path: str, state: State, warn: Callable[[str], None]) -> None:
        self.ask, self.go_on = page.ask, page.go_on
        self._page = page
        self._path = path
        self._state = state
        self._warn = warn

    def begin(self, head: Head, data: bytes, more: bool, made_by: int | None) -> tuple[Head, bytes]:
        """Return the head and the first part of the body for the browser; `made_by` as in Answer."""
        if made_by == REFRESHES_ITSELF:
            return head, data
        headers, data, reason = self._page.begin(head, data, more, self._state.stamp(made_by))
        if reason:
            self._warn(f"{self._path} cannot refresh itself: {reason}")
        return (head[0], headers), data


class BrowserRefresh:
    """`warn` is called once for each reason why a page cannot refresh itself."""

    def __init__(self, config: HttpConfig, root: str, editor: str, warn: Callable[[str], None]) -> None:
        self._on = config.browser_reload
        self._warn = warn
        self._root_path = config.root_path
        self.state = State(secrets.token_hex(4), root, config.index, editor)
        self.channel = Channel(lambda local: self.state.as_event(local=local))
        self.paths = {config.root_path + path for path in (SCRIPT, CHANNEL)} if self._on else frozenset()

    @cached_property
    def script(self) -> bytes:
        """Return the script that pages load."""
        return files(__package__).joinpath("refresh.js").read_bytes()

    @cached_property
    def _source(self) -> str:
        version = hashlib.sha256(self.script).hexdigest()[:8]
        return f"{self._root_path}{SCRIPT}?{QUERY.decode()}{version}"

    def on_event(self, event: object) -> None:
        """Handle an event of the server; publish the state if it concerns pages."""
        if self.state.on_event(event):
            self.channel.publish()

    # pages

    def navigation(self, scope: Scope) -> Navigation | None:
        """Return the object that puts our script into the answer; None if pages stay unchanged."""
        if not self._on:
            return None
        page = Page(scope["method"], scope["scheme"], scope["headers"], self._source)
        return Navigation(page, scope["path"], self.state, self._warn)

    # our own paths

    def takes(self, scope: Scope) -> bool:
        """Return whether our script sent this request."""
        ours = scope["path"] in self.paths and scope["query_string"].startswith(QUERY)
        return ours and scope["method"] == "GET"

    async def serve(self, scope: Scope, send: Send, *, local: bool) -> None:
        """Answer our script."""
        answer = self._answer(scope)
        if answer is None:
            await self.channel.serve(scope["state"]["connection"], send, local=local)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, scope: Scope) -> Answer | None:
        """Return the script or a refusal, None for a page that may open the channel."""
        headers = dict(scope["headers"])
        own = {scope["scheme"].encode() + b"://" + headers.get(b"host", b""), None}
        site = headers.get(b"sec-fetch-site", b"same-origin")
        if site not in (b"same-origin", b"none") or headers.get(b"origin") not in own:
            return _plain(403, b"text/plain; charset=utf-8", _FOREIGN, b"no-store")
        if scope["path"].endswith(".js"):
            kept = b"public, max-age=31536000, immutable"
            return _plain(200, b"text/javascript; charset=utf-8", self.script, kept)
        return None


def _plain(status: int, kind: bytes, body: bytes, kept: bytes) -> Answer:
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", kept),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]
    return Answer(status, headers, body)
