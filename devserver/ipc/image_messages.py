"""The messages between a Manager and the images of its Workers. Copy and Copied carry descriptors."""

from __future__ import annotations

import msgspec

from devserver.ipc.messages import Source

LEAST = 30.0
"""Milliseconds for the import of own modules, below which an image is not worth its memory."""


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


# Manager → image


class Copy(_Message, frozen=True):
    """Fork a Worker. Carries its end of the link, its file for stacks, and its end of a terminal if any.

    `changes` are the sources in which its generation differs from what the image holds.
    """

    worker: int
    slot: int
    generation: int
    changes: tuple[Source, ...] = ()


class Known(_Message, frozen=True):
    """Add this file to the snapshot of the image's generation: a copy may import it."""

    source: Source


class Prepare(_Message, frozen=True):
    """Find out whether you may be copied, report that, and index what holds the app's code."""


# image → Manager


class ImageForked(_Message, frozen=True):
    """An image was forked, process `pid`; it waits for `Prepare`."""

    pid: int


class ImageReady(_Message, frozen=True):
    """The image may be copied. `holds`: path → digest of each own file that it knows."""

    holds: dict[str, bytes]


class NoImage(_Message, frozen=True):
    """The Worker leaves no image, or it has ended, for this reason; "": an image would not save time.

    `own_ms` is how long the import of own modules took, if that is known.
    """

    reason: str = ""
    own_ms: float | None = None


class Copied(_Message, frozen=True):
    """A fork of the image is the copy now. Carries a pidfd. `functions` is how many bodies were exchanged.

    `constants` is how many names were bound to other values; `at` is when the image got the order, in
    monotonic seconds.
    """

    worker: int
    pid: int
    at: float
    functions: int = 0
    constants: int = 0


class CopyRefused(_Message, frozen=True):
    """The image cannot make the copy that was ordered; `reason` is for the user."""

    worker: int
    reason: str


class CopyExited(_Message, frozen=True):
    """A copy has exited. `status` is as os.waitpid returns it."""

    worker: int
    status: int


ToImage = Copy | Known | Prepare
FromImage = ImageForked | ImageReady | NoImage | Copied | CopyRefused | CopyExited
