"""The app's addresses: how a browser on this machine, or one in the network, reaches the listeners."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from devserver.common.events import Listener

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that mean every interface → the address for a browser on this machine."""
FAR = ("192.0.2.1", 9)
"""An address reserved for documentation (RFC 5737); nothing is sent to it."""


class Link(NamedTuple):
    """`url` is empty if no browser can open it."""

    label: str
    url: str


def links(listeners: Sequence[Listener], docs: str, network: Sequence[str]) -> list[Link]:
    """Return the addresses, each once; the first of HTTP is followed by its documentation.

    `network` are this machine's addresses in the network, shown for listeners on every interface.
    """
    found: dict[str, Link] = {}
    for listener in listeners:
        url = str(_here(listener))
        web = listener.kind in ("http", "https")
        found.setdefault(url, Link(url, url if web else ""))
        if web and docs and len(found) == 1:
            found[docs] = Link(docs, url + docs)
        if listener.address in ANYWHERE:
            for address in network if listener.address == "0.0.0.0" else ():
                far = str(Listener(listener.kind, address, listener.port))
                found.setdefault(far, Link(far, far if web else ""))
    return list(found.values())


def _here(listener: Listener) -> Listener:
    return Listener(listener.kind, ANYWHERE.get(listener.address, listener.address), listener.port)


def network_addresses(listeners: Sequence[Listener]) -> tuple[str, ...]:
    """Return this machine's address in the network, if a listener is open to it. Sends nothing."""
    if not any(listener.address == "0.0.0.0" for listener in listeners):
        return ()
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(FAR)
        address = str(probe.getsockname()[0])
        return () if address.startswith("127.") else (address,)
    return ()
