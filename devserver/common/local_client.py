"""Whether a client is on this machine: only such a client may see the app's source code.

Law: a client that is not clearly local counts as remote.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

_FOR = re.compile(r"for=(\"[^\"]*\"|[^;,\s]*)", re.IGNORECASE)
"""The client that a proxy forwards for: RFC 7239, section 5.2."""
_ORIGIN = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def is_local(address: str | None, header: Callable[[str], str]) -> bool:
    """Return whether a request comes from this machine, and no page of another site can read the answer.

    No page can read what a browser opens in a tab; a page of another port of this machine may read all.
    `address` is the peer's, empty or None for a Unix socket. `header` returns one by its name in lower case,
    "" if it is missing. The client that a proxy forwards for, trusted or not, has to be local, too.
    """
    if address and not _is_loopback(address):
        return False
    foreign = header("sec-fetch-site") in ("cross-site", "same-site")
    opened = header("sec-fetch-mode") == "navigate" and header("sec-fetch-dest") == "document"
    if foreign and not opened and not _is_local_origin(header("origin")):
        return False
    forwarded = header("forwarded")
    spoken_for = [*header("x-forwarded-for").split(","), header("x-real-ip"), *_FOR.findall(forwarded)]
    named = [name for name in spoken_for if name.strip()]
    return all(map(_is_loopback, named)) and bool(named or not forwarded)


def _is_local_origin(origin: str) -> bool:
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return False
    host = found[1].lower()
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host)


def _is_loopback(name: str) -> bool:
    """Return whether `address`, `address:port` or `[address]:port` is of this machine."""
    name = name.strip().strip('"')
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
