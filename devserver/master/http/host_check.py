"""Refuses requests that a hostile page makes a browser send: checks Host, and the Origin of WebSockets.

Law: only addresses and allowed names pass; anything unclear is refused. An address in the Host passes because
DNS rebinding needs a name.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterable

from devserver.master.http.pages.answers import Refusal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_REMEMBERED = 1024
"""Cached verdicts of each kind; the cache is cleared beyond that, because a client can invent names."""
LONGEST = 512
"""Longest Host or Origin, in bytes: a name has at most 253, the rest is scheme and port."""

_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,254}))(?::([0-9]{0,5}))?")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}://(.+)")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
"""Names that a browser takes for an IPv4 address (the URL standard's *ends in a number*)."""

_MALFORMED_HOST = Refusal(400, "The Host header is malformed.")
_TWO_HOSTS = Refusal(400, "The request has more than one Host header.")
_MALFORMED_ORIGIN = Refusal(400, "The Origin header is malformed.")
_TWO_ORIGINS = Refusal(400, "The request has more than one Origin header.")
_NULL_ORIGIN = Refusal(
    403, "A page without an origin (a file, a sandboxed frame) may not connect: --allow-host '*' allows all."
)


class HostCheck:
    """Allows the names of `host`, the value of --host, and of the globs of --allow-host."""

    def __init__(self, host: str, allow: tuple[str, ...]) -> None:
        globs = [_plain(glob) for glob in allow]
        names = [re.escape(_plain(host))] if host else []
        self._allowed = re.compile("|".join([*names, *map(fnmatch.translate, globs)]) or r"(?!)")
        self._all = "*" in globs
        self._hosts: dict[bytes, Refusal | None] = {}
        self._origins: dict[tuple[bytes, bytes | None], Refusal | None] = {}

    def refuses(self, headers: Iterable[tuple[bytes, bytes]], *, websocket: bool) -> Refusal | None:
        """Return why a request with these headers is refused, or None.

        A missing Host passes (HTTP/1.0, Unix sockets: not a browser), as does a WebSocket without Origin.
        """
        host = origin = None
        for name, value in headers:
            if len(name) == 4 and name.lower() == b"host":
                if host is not None:
                    return _TWO_HOSTS
                host = value
            elif websocket and len(name) == 6 and name.lower() == b"origin":
                if origin is not None:
                    return _TWO_ORIGINS
                origin = value
        if host is not None:
            try:
                refusal = self._hosts[host]
            except KeyError:
                refusal = self._judged_host(host)
            if refusal is not None:
                return refusal
        return None if origin is None else self._origin(origin, host)

    def trusts(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the origin of the requesting page if it may open a WebSocket, else b""."""
        named = dict(headers)
        origin = named.get(b"origin")
        trusted = origin is not None and self._origin(origin, named.get(b"host")) is None
        return origin if origin is not None and trusted else b""

    def _judged_host(self, raw: bytes) -> Refusal | None:
        refusal = self._host(raw)
        if len(raw) <= LONGEST:
            if len(self._hosts) >= MOST_REMEMBERED:
                self._hosts.clear()
            self._hosts[raw] = refusal
        return refusal

    def _host(self, raw: bytes) -> Refusal | None:
        host = _parsed(raw)
        if host is None:
            return _MALFORMED_HOST
        if isinstance(host, Address) or self._passes(host):
            return None
        flag = f"--allow-host {host}"
        return Refusal(403, f"The host {host} is not allowed: start devserver with {flag} to allow it.")

    def _origin(self, raw: bytes, host: bytes | None) -> Refusal | None:
        try:
            return self._origins[raw, host]
        except KeyError:
            refusal = self._judged_origin(raw, host)
        if len(raw) <= LONGEST:  # the host was checked, so it is not longer either
            if len(self._origins) >= MOST_REMEMBERED:
                self._origins.clear()
            self._origins[raw, host] = refusal
        return refusal

    def _judged_origin(self, raw: bytes, host: bytes | None) -> Refusal | None:
        if raw == b"null":
            return None if self._all else _NULL_ORIGIN
        match = _ORIGIN.fullmatch(raw.decode("latin-1")) if len(raw) <= LONGEST else None
        origin = _parsed(match[1].encode("latin-1")) if match else None
        if origin is None:
            return _MALFORMED_ORIGIN
        if isinstance(origin, Address):
            same = host is not None and _parsed(host) == origin
            if same or _is_loopback(origin) or self._allowed.fullmatch(str(origin)):
                return None
        elif self._passes(origin):
            return None
        flag = f"--allow-host {origin}"
        return Refusal(403, f"Pages of {origin} may not connect: start devserver with {flag} to allow it.")

    def _passes(self, name: str) -> bool:
        return name == "localhost" or name.endswith(".localhost") or bool(self._allowed.fullmatch(name))


def _plain(name: str) -> str:
    """Return a name as browsers send it: lower case, no dot at the end, IDNA."""
    name = name.lower().removesuffix(".")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _parsed(raw: bytes) -> str | Address | None:
    """Return what `host[:port]` names: a name in lower case, an address, or None if it is malformed."""
    if len(raw) > LONGEST:
        return None
    match = _AUTHORITY.fullmatch(raw.decode("latin-1"))
    if match is None or int(match[3] or 0) > 65535:
        return None
    try:
        if match[1]:
            return ipaddress.IPv6Address(match[1])
        if _NUMBER.fullmatch(match[2].lower()):
            return ipaddress.IPv4Address(match[2])
    except ValueError:
        return None
    name = match[2].lower().removesuffix(".")
    return name if len(name) <= 253 and _NAME.fullmatch(name) else None


def _is_loopback(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        return address == ipaddress.IPv6Address("::1")
    return address in ipaddress.IPv4Network("127.0.0.0/8")
