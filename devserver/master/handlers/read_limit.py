"""Which clients are read no further: those that hold much, or all of them once all together hold much.

Law: nobody waits for ever. What leaves one connection may be what another waits for.
"""

from __future__ import annotations

from devserver.config import LimitsConfig
from devserver.master.handlers.client import Client


class ReadLimit:
    """Keeps the sum of what inboxes hold."""

    def __init__(self, limits: LimitsConfig) -> None:
        self._limits = limits
        self._total = 0
        self._paused: set[Client] = set()
        self._stopped = False

    def update(self, client: Client) -> None:
        """The client's inbox has changed: stop or resume reading by the limits."""
        connection = client.connection
        size = connection.inbox.size
        self._total += size - client.counted
        client.counted = size
        crowded = size >= self._limits.connection or self._total >= self._limits.total
        if size and crowded and connection.open:
            client.pause_reading()
            self._paused.add(client)
        elif self._paused:
            self._resume()

    def on_closed(self, client: Client) -> None:
        """The client is gone: there is nothing to read."""
        self._paused.discard(client)

    def forget(self, client: Client) -> None:
        """Nothing of the client is left."""
        self._paused.discard(client)
        self._total -= client.counted
        client.counted = 0
        self._resume()

    def stop(self) -> None:
        """Resume nobody any more: the server stops."""
        self._stopped = True

    def _resume(self) -> None:
        if self._stopped or self._total >= self._limits.total:
            return
        roomy = self._limits.connection // 2
        for client in [each for each in self._paused if each.connection.inbox.size <= roomy]:
            self._paused.discard(client)
            client.resume_reading()
