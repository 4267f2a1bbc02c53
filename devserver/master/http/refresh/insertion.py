"""Inserts text at the start of a page's head, in a body that comes in pieces: pure.

Law: the app's bytes are passed on unchanged. The text is inserted once, in the page's own encoding.
"""

from __future__ import annotations

import codecs

from devserver.master.http.refresh.head_finder import HeadFinder

UTF_16 = {"utf-16": "utf-16-le", "utf-16le": "utf-16-le", "unicode": "utf-16-le", "utf-16be": "utf-16-be"}
"""Labels of the Encoding standard for encodings that do not extend ASCII → Python's name."""
_MARKS = {codecs.BOM_UTF8: "latin-1", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""Byte order marks, which override the header. Encodings that extend ASCII are read as Latin-1."""
_BLOCK = 4096
"""Bytes that are decoded at once: a page can be long, and its head is at the beginning."""


class Insertion:
    """The insertion into one page. `charset` is that of the Content-Type header, empty if it names none."""

    def __init__(self, addition: str, charset: str) -> None:
        self._addition = addition
        self._codec = UTF_16.get(charset, "latin-1")
        self._finder = HeadFinder()
        self._decoder: codecs.IncrementalDecoder | None = None
        self._held = b""
        """The first bytes, while they may be the beginning of a byte order mark."""

    @property
    def size(self) -> int | None:
        """Return the number of inserted bytes; None while a byte order mark may still change that."""
        return None if self._decoder is None else len(self._encoded(self._addition))

    def feed(self, data: bytes, more: bool) -> bytes:
        """Return the bytes that can be sent by now; `more` false: all the rest."""
        if self._finder.found:
            return data
        if self._decoder is not None:
            return self._insert(data, more)
        data, self._held = self._held + data, b""
        if more and any(data != mark and mark.startswith(data) for mark in _MARKS):
            self._held = data
            return b""
        mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
        self._codec = _MARKS.get(mark, self._codec)
        self._decoder = codecs.getincrementaldecoder(self._codec)("surrogatepass")
        return mark + self._insert(data[len(mark) :], more)

    def _insert(self, data: bytes, more: bool) -> bytes:
        assert self._decoder is not None
        sent = []
        for start in range(0, max(len(data), 1), _BLOCK):
            end = start + _BLOCK
            text = self._decoder.decode(data[start:end])
            before, after = self._finder.feed(text, more or end < len(data))
            if self._finder.found:
                odd = self._decoder.getstate()[0]  # half a character, which is passed on unchanged
                sent += [self._encoded(before + self._addition + after), odd, data[end:]]
                break
            sent.append(self._encoded(before))
        return b"".join(sent)

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._codec, "surrogatepass")
