"""The language between a Manager and the images of its Workers. Descriptors travel with Copy and Copied."""

from __future__ import annotations

import msgspec

from devserver.ipc.messages import Source


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


# Manager → image


class Copy(_Message, frozen=True):
    """Fork a Worker. Carries its end of the link, its file for stacks, and with a terminal its side of that.

    `changes` are the sources in which its generation differs from what the image holds.
    """

    worker: int
    slot: int
    generation: int
    changes: tuple[Source, ...] = ()


class Known(_Message, frozen=True):
    """The snapshot of the image's generation has this file too: a copy may import it."""

    source: Source


# image → Manager


class ImageReady(_Message, frozen=True):
    """It may be copied. `holds`: the digest of each own file that it knows, by path."""

    pid: int
    holds: dict[str, bytes]


class NoImage(_Message, frozen=True):
    """There is none, for this reason; "": it is not worth it."""

    reason: str = ""


class Copied(_Message, frozen=True):
    """Carries a pidfd. `functions` is how many bodies were exchanged."""

    worker: int
    pid: int
    functions: int = 0


class CopyRefused(_Message, frozen=True):
    """What is asked for cannot be had of this image; `reason` is for the user."""

    worker: int
    reason: str


class CopyExited(_Message, frozen=True):
    """`status` is as os.waitpid gives it."""

    worker: int
    status: int


ToImage = Copy | Known
FromImage = ImageReady | NoImage | Copied | CopyRefused | CopyExited
