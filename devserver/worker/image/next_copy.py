"""A fork of the image that becomes the next copy once it is ordered: forking takes longer than the rest.

Laws: until then it runs nothing of the app's, and ends with the image at the latest. Whether the copy that
was ordered can be made, it decides as the image would.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from devserver.common.errors import ConnectionGone
from devserver.common.exit_reason import exit_reason
from devserver.ipc.channel import Channel
from devserver.ipc.image_messages import Copy
from devserver.ipc.messages import Source
from devserver.worker.birth import forks
from devserver.worker.warm.swap import Swap


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of a copy: the Worker it becomes, and its descriptors; -1 for no terminal."""

    copy: Copy
    link: socket.socket
    dump: int
    terminal: int
    swap: Swap | None
    known: tuple[Source, ...]
    at: float
    """When the image got them, in monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What decides whether a copy can be made: functions without side effects."""

    outdated: Callable[[], str]
    """Return which file of the import has changed, "" for none."""
    decide: Callable[[Sequence[Source]], Swap | str]
    """Return how to swap a copy to these sources, or why that is impossible."""

    def swap_for(self, changes: Sequence[Source]) -> Swap | str | None:
        """Return the swap of a copy with these changes, None if it needs none; or why it cannot be made."""
        return self.outdated() or (self.decide(changes) if changes else None)


class BecomeCopy(msgspec.Struct, frozen=True):
    """Make this copy. Carries the descriptors of the order.

    `known` are the files that the image has learnt since the fork, `at` is when the image got the order.
    """

    copy: Copy
    known: tuple[Source, ...]
    at: float


class Became(msgspec.Struct, frozen=True, tag=True):
    """It is the copy now: `functions` have other bodies, `constants` other values."""

    functions: int
    constants: int


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """The copy cannot be made, for this reason: the process exits."""

    reason: str


class NextCopy:
    """The image's end. `known` is how many files the image had learnt when it forked `pid`."""

    def __init__(self, pid: int, link: socket.socket, known: int) -> None:
        self.pid = pid
        self.known = known
        self._channel: Channel[Became | Refusal, BecomeCopy] = Channel(link, Became | Refusal)

    def fileno(self) -> int:
        """Return a descriptor that is readable when it has ended."""
        return self._channel.fileno()

    def order(self, order: BecomeCopy, fds: Sequence[int], manager: int) -> Became | Refusal:
        """Have it become a copy, and return its answer. Raises ConnectionGone if the Manager is gone."""
        try:
            self._channel.send(order, fds)
        except ConnectionGone:
            return self._ended()
        while True:
            forks.wait(self.fileno(), manager)
            try:
                answers = self._channel.receive()
            except ConnectionGone:
                return self._ended()
            for answer, _fds in answers:
                if isinstance(answer, Refusal):
                    os.waitpid(self.pid, 0)
                self.close()
                return answer

    def _ended(self) -> Refusal:
        return Refusal(f"the process that was to become the copy has ended ({self.reap()})")

    def reap(self) -> str:
        """Reap it after its end; return how it ended."""
        self.close()
        _pid, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return exit_reason(os.waitstatus_to_exitcode(status))

    def close(self) -> None:
        """Close the descriptor, also in another fork of the image."""
        self._channel.close()


def await_orders(link: socket.socket, judge: Judge, known: Sequence[Source]) -> Orders:
    """In the fork: return the orders of a copy that can be made; else exit.

    `known` are the files that the image had learnt at the fork.
    """
    channel: Channel[BecomeCopy, Became | Refusal] = Channel(link, BecomeCopy, carries_fds=True)
    order, (to_master, dump, *terminal) = _receive(channel)
    try:
        swap = judge.swap_for(order.copy.changes)
    except BaseException as error:
        swap = f"devserver's copy has failed: {type(error).__name__}: {error}"
    try:
        if isinstance(swap, str):
            channel.send(Refusal(swap))
            os._exit(0)
        forks.outlive()
        channel.send(Became(*(swap.counts if swap else (0, 0))))
    except ConnectionGone:
        os._exit(0)
    channel.close()
    return Orders(
        order.copy,
        socket.socket(fileno=to_master),
        dump,
        terminal[0] if terminal else -1,
        swap,
        (*known, *order.known),
        order.at,
    )


def _receive(channel: Channel[BecomeCopy, Became | Refusal]) -> tuple[BecomeCopy, list[int]]:
    """Return the order and its descriptors; exit when the image does."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    while True:
        poll.poll()
        try:
            for order in channel.receive():
                return order
        except ConnectionGone:
            os._exit(0)
