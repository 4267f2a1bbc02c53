"""A navigation and its page: the headers for the app, and the answer with our script in it. Pure.

Law: only pages that a browser shows are changed; a page that cannot have the script passes unchanged. Only
headers that would become wrong are changed: the length, the validator and the cache key.
"""

from __future__ import annotations

from html import escape

from msgspec import Struct

from devserver.ipc.messages import Headers
from devserver.master.http.refresh.insertion import Insertion
from devserver.master.http.refresh.policy import verdict

_DOCUMENT = (b"sec-fetch-dest", b"document")
_RELAYED = ((b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"empty"))
"""The headers of a navigation that a service worker passes on; no script can send this mode."""
Head = tuple[int, Headers]
METHODS = frozenset({"GET", "POST"})
MARK = b'-devserver"'
"""The end of the ETag of a page with the script. Its cached copy is never revalidated: the old stamp in it
would make it reload for ever.
"""
CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})
NO_BODY = frozenset({204, 205, 206, 304})
DIGESTS = frozenset({b"content-digest", b"repr-digest", b"digest", b"content-md5"})


class Stamp(Struct, frozen=True):
    """The versions in a page. `run` is this Master's; `kind` is what makes it outdated when it gets newer.

    `live`: the code of generation `number`; `index`: the file beside the handlers, as of generation `number`.
    """

    run: str
    kind: str
    number: int
    assets: int
    """The number of the newest change of an asset."""

    def __str__(self) -> str:
        return f"{self.run} {self.kind} {self.number} {self.assets}"


def is_navigation(method: str, headers: Headers) -> bool:
    """Return whether a browser requests a page for a tab, by headers that no page's script can send."""
    wants = _DOCUMENT in headers or (_RELAYED[0] in headers and _RELAYED[1] in headers)
    return wants and method in METHODS and all(name != b"range" for name, _ in headers)


class Page:
    """The answer to one navigation. `source` is the URL of our script, `headers` are the request's."""

    def __init__(self, method: str, scheme: str, headers: Headers, source: str) -> None:
        self._is_form = method != "GET"
        self._scheme = scheme
        self._host = (
            next((value for name, value in headers if name == b"host"), b"").decode("latin-1").lower()
        )
        self._source = source
        self._insertion: Insertion | None = None

    @staticmethod
    def ask(headers: Headers) -> Headers:
        """Return the headers for the app: they ask for uncompressed bytes, and never revalidate a copy of
        ours.
        """
        is_ours = any(name == b"if-none-match" and MARK in value for name, value in headers)
        return [
            (name, b"identity" if name == b"accept-encoding" else value)
            for name, value in headers
            if not (is_ours and name in CONDITIONS)
        ]

    def begin(self, head: Head, data: bytes, more: bool, stamp: Stamp) -> tuple[Headers, bytes, str]:
        """Return the headers of the response and the first part of its body.

        The third value is the reason why the page gets no script, if it is worth a report.
        """
        status, headers = head
        named: dict[bytes, bytes] = {}
        for name, value in headers:
            named.setdefault(name.lower(), value)
        if not _is_page(status, named):
            return headers, data, ""
        found = verdict(headers, self._scheme, self._host)
        if reason := found.reason or _untouchable(named):
            return headers, data, reason
        self._insertion = Insertion(self._tag(stamp, found.nonce), _charset(named[b"content-type"]))
        first = self._insertion.feed(data, more)
        return self._rewritten(headers, self._insertion.size), first, ""

    def go_on(self, data: bytes, more: bool) -> bytes:
        """Return the part of the body that can be sent by now."""
        return data if self._insertion is None else self._insertion.feed(data, more)

    def _tag(self, stamp: Stamp, nonce: str) -> str:
        carried = f' nonce="{nonce}"' if nonce else ""
        form = " form" if self._is_form else ""
        return f'<script src="{escape(self._source)}" data-devserver="{stamp}{form}"{carried}></script>'

    @staticmethod
    def _rewritten(headers: Headers, added: int | None) -> Headers:
        """Return the headers of a body that is `added` bytes longer (None: that is not known yet)."""
        rewritten: Headers = []
        names = set()
        for header in headers:
            name = header[0].lower()
            names.add(name)
            if name != b"content-length":
                rewritten.append(_marked(header) if name == b"etag" else header)
            elif added is not None and header[1].strip().isdigit():
                rewritten.append((header[0], b"%d" % (int(header[1]) + added)))
        if b"last-modified" in names and b"etag" not in names:
            rewritten.append((b"etag", b'W/"' + MARK))
        rewritten.append((b"vary", b"Sec-Fetch-Dest"))
        return rewritten


def _is_page(status: int, named: dict[bytes, bytes]) -> bool:
    kind = named.get(b"content-type", b"").partition(b";")[0].strip().lower()
    is_attached = named.get(b"content-disposition", b"").strip().lower().startswith(b"attachment")
    is_moved = 300 <= status < 400 and b"location" in named
    return kind == b"text/html" and status not in NO_BODY and not is_attached and not is_moved


def _untouchable(named: dict[bytes, bytes]) -> str:
    coding = named.get(b"content-encoding", b"identity").strip().lower()
    if coding not in (b"", b"identity"):
        return f"it is compressed ({coding.decode('latin-1')}), although the request asked for identity"
    if b"no-transform" in named.get(b"cache-control", b"").lower():
        return "its Cache-Control has no-transform"
    if DIGESTS & named.keys():
        return "its headers have a digest of it"
    return ""


def _charset(kind: bytes) -> str:
    for parameter in kind.split(b";")[1:]:
        name, _, value = parameter.partition(b"=")
        if name.strip().lower() == b"charset":
            return value.strip().strip(b"\"'").decode("latin-1").lower()
    return ""


def _marked(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    return header[0], header[1].rstrip().removesuffix(b'"') + MARK
