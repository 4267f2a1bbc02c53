"""A fork of the image looks at all of its objects: in the image itself that would copy each of its pages.

Laws: the fork runs nothing of the app's, and ends with the image at the latest. It reports plain data. An
address (`id`) in it holds in the image while nothing of the app is freed there: no code of the app runs, nor
the collector.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import msgspec

from devserver.common.errors import ConnectionGone
from devserver.common.exit_reason import exit_reason
from devserver.ipc.channel import Channel
from devserver.worker.birth import forks
from devserver.worker.warm.holders import Index


class Objection(msgspec.Struct, frozen=True, tag=True):
    """There can be no image, for this reason."""

    reason: str


class NoObjection(msgspec.Struct, frozen=True, tag=True):
    """The image may be copied. `unseeded`: addresses of sources of random numbers that copies seed again."""

    unseeded: list[int]


class Indexed(msgspec.Struct, frozen=True, tag=True):
    """What decisions need to know: the last finding. `names` is as `Image.take` wants it."""

    index: Index
    names: bytes


Finding = Objection | NoObjection | Indexed


class NoCopies(Exception):
    """The image cannot be copied, for this reason."""


class Inventory:
    """The image's end of it. Create it to fork: `findings` is run there. Raises OSError if that fails."""

    def __init__(self, findings: Iterator[Finding]) -> None:
        self.pid, link = forks.fork()
        if self.pid == 0:
            _report(link, findings)
        self._channel: Channel[Finding, None] = Channel(link, Finding)
        self._complete = False

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something to receive."""
        return self._channel.fileno()

    def receive(self) -> list[Finding] | None:
        """Return what has arrived, None at the end. Raises NoCopies if it has ended too soon."""
        try:
            found = [message for message, _fds in self._channel.receive()]
        except ConnectionGone:
            self._channel.close()
            _pid, status = os.waitpid(self.pid, 0)
            self.pid = 0
            if not self._complete:
                reason = exit_reason(os.waitstatus_to_exitcode(status))
                raise NoCopies(f"the process that looked at its objects has ended ({reason})") from None
            return None
        self._complete = self._complete or any(isinstance(each, Indexed) for each in found)
        return found

    def close(self) -> None:
        """Close the descriptor, in another fork of the image."""
        self._channel.close()


def _report(link: socket.socket, findings: Iterator[Finding]) -> None:
    """In the fork: send each finding, and exit."""
    try:
        channel: Channel[None, Finding] = Channel(link, None)
        try:
            for each in findings:
                channel.send(each)
        except ConnectionGone:
            raise
        except BaseException as error:
            channel.send(Objection(f"devserver's image has failed: {type(error).__name__}: {error}"))
    finally:
        os._exit(0)
