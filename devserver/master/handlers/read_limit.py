"""Decides from which clients the Master stops reading: those over their limit, or all over the total limit.

Law: no client waits for ever. When one inbox shrinks, reading from another may resume.
"""

from __future__ import annotations

from devserver.config import LimitsConfig
from devserver.master.handlers.client import Client


class ReadLimit:
    """Tracks the bytes in all inboxes."""

    def __init__(self, limits: LimitsConfig) -> None:
        self._limits = limits
        self._total = 0
        self._paused: set[Client] = set()
        self._stopped = False

    def update(self, client: Client) -> None:
        """Stop or resume reading by the limits, because the client's inbox has changed."""
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
        """The client is gone: there is nothing to resume."""
        self._paused.discard(client)

    def forget(self, client: Client) -> None:
        """Forget a client whose last item was handled."""
        self._paused.discard(client)
        self._total -= client.counted
        client.counted = 0
        self._resume()

    def stop(self) -> None:
        """Never resume reading again: the server stops."""
        self._stopped = True

    def _resume(self) -> None:
        if self._stopped or self._total >= self._limits.total:
            return
        roomy = self._limits.connection // 2
        for client in [each for each in self._paused if each.connection.inbox.size <= roomy]:
            self._paused.discard(client)
            client.resume_reading()
