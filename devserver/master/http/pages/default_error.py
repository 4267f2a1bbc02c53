"""Distinguishes an app's own error page from the frameworks' default texts: pure.

Law: any answer that is not known to be a default text is the app's own.
"""

from __future__ import annotations

import json
import re

from devserver.ipc.messages import Headers

LONGEST = 4096
"""Bytes of a body that can be a default text."""
_TAGS = re.compile(r"<!doctype[^>]*>|</?[a-z][^>]*>", re.IGNORECASE)
_PHRASE = r"(?:error: )?(?:500:? )?(?:internal server error|server error \(500\))"
_APOLOGY = (
    r"the server encountered an internal error and was unable to complete your request\. "
    r"either the server is overloaded or there is an error in the application\."
)
_WORDS = re.compile(rf"{_PHRASE}(?: {_PHRASE})?(?: {_APOLOGY})?")
_KINDS = ("", "text/plain", "text/html", "application/json")


def may_be_default(headers: Headers, body: bytes, more: bool) -> bool:
    """Return whether the answer is a default text; with `more`, whether that is still possible."""
    named = {name.lower(): value for name, value in headers}
    kind = named.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind not in _KINDS or b"content-encoding" in named or len(body) > LONGEST:
        return False
    if more:
        return True
    text = body.decode("utf-8", "replace")
    if kind == "application/json":
        return _is_default_json(text)
    plain = _TAGS.sub(" ", text) if kind == "text/html" else text
    return _WORDS.fullmatch(" ".join(plain.split()).lower()) is not None


def _is_default_json(text: str) -> bool:
    try:
        data = json.loads(text)
    except ValueError:
        return False
    values = data.values() if isinstance(data, dict) else [data]
    return all(value == 500 or str(value).lower() == "internal server error" for value in values)
