"""Devserver's own answers, fitted to what the client may read."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from msgspec import Struct

from devserver.common.explain import relative
from devserver.common.failure import Failure
from devserver.common.local_client import is_local
from devserver.ipc.messages import Headers
from devserver.master.http import readers
from devserver.master.http.host_check import HostCheck
from devserver.master.http.pages import answers
from devserver.master.http.pages.answers import Answer
from devserver.master.http.refresh.browser_refresh import BrowserRefresh
from devserver.master.http.scope import accepted, header

Scope = dict[str, Any]


class OwnAnswers(Struct, frozen=True):
    """Files are named relative to `root`, and links open `editor`; `error_page` is the user's setting."""

    root: str
    editor: str
    error_page: bool
    host_check: HostCheck
    refresh: BrowserRefresh

    def unavailable(self, scope: Scope, failures: tuple[Failure, ...]) -> Answer:
        """Return the answer to a request while there is no good code; it has the reason."""
        is_form = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
        asker = answers.Asker(accepted(scope), local=may_see_source(scope), is_form=is_form)
        return answers.unavailable(failures, asker, root=self.root, editor=self.editor)

    def shows_errors(self, scope: Scope) -> bool:
        """Return whether this client gets our error page if the app has none."""
        return self.error_page and may_see_source(scope)

    def crashed(self, failure: Failure, request: str, generation: int) -> Answer:
        """Return the page with the error."""
        return answers.crashed(failure, request, generation, root=self.root, editor=self.editor)

    def readable(self, scope: Scope, answer: Answer) -> Answer:
        """Return our own error answer with CORS headers, if the page's origin is trusted."""
        origin = self.host_check.trusts(scope["headers"]) if answer.status >= 400 else b""
        if not origin:
            return answer
        preflight = readers.preflight(scope.get("method", ""), scope["headers"])
        return readers.readable(preflight or answer, origin)

    def stale(self, scope: Scope) -> Headers:
        """Return a header that marks the app's answer as that of older code, if the newest was refused."""
        failures = self.refresh.state.failures
        if not failures:
            return []
        place = failures[0].place if may_see_source(scope) else None
        where = f"{relative(place.path, self.root)}:{place.line}" if place else "?"
        return [(b"devserver-stale", quote(where, safe="/:?").encode("ascii"))]


def may_see_source(scope: Scope) -> bool:
    """Return whether the client may see source code."""
    client = scope["client"]
    return is_local(client and client[0], lambda name: header(scope, name.encode()).decode("latin-1"))
