"""Which image a generation may be copied from: pure.

Law: a generation is copied from an image of its own code, or of older code in which only Python files have
changed since. An image counts once the Master has accepted the Worker that left it. Those of the live code
and of candidates are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from devserver.ipc.messages import Source

HANGS_AFTER = 2.0
"""Seconds within which an image has to have forked a copy."""


@dataclass(slots=True)
class Image:
    """Named after the Worker that left it. `holds`: the digest of each own file that it knows, by path."""

    worker: int
    generation: int
    pid: int = 0
    holds: dict[str, bytes] = field(default_factory=dict)
    accepted_at: float | None = None

    @property
    def ready(self) -> bool:
        """Return whether it may be copied."""
        return self.accepted_at is not None and self.pid > 0


class Images:
    """Those that there are, or will be: a Worker that boots fully is `expected` to leave one."""

    def __init__(self) -> None:
        self._images: dict[int, Image] = {}
        self._of: dict[int, int] = {}
        """Generation → the Worker whose image it may be copied from."""
        self._why: dict[int, str] = {}
        """Generation → why it boots fully."""
        self._none: dict[int, str] = {}
        """Generation → why its Worker has left no image."""

    def ordered(self, generation: int, base: int, cold: str) -> None:
        """A generation that differs from `base` is ordered; `cold`: why it has to boot fully, if so."""
        if cold:
            self._why[generation] = cold
        elif base in self._of:
            self._of[generation] = self._of[base]
        elif base in self._none:
            self._why[generation] = self._none[base]

    def expected(self, worker: int, generation: int) -> None:
        """A Worker boots fully and may leave an image."""
        self._images[worker] = Image(worker, generation)

    def came(self, worker: int, pid: int, holds: dict[str, bytes]) -> None:
        """It has left one."""
        if image := self._images.get(worker):
            image.pid, image.holds = pid, holds
            self._take(image)

    def accepted(self, worker: int, now: float) -> None:
        """The Master has accepted the Worker: its image, if there will be one, is as good as it is."""
        if (image := self._images.get(worker)) and image.accepted_at is None:
            image.accepted_at = now
            self._take(image)

    def _take(self, image: Image) -> None:
        if image.ready:
            self._of[image.generation] = image.worker
            self._why.pop(image.generation, None)

    def gone(self, worker: int, reason: str = "") -> None:
        """There is no image of that Worker, or none any more."""
        image = self._images.pop(worker, None)
        if image is not None:
            self._none[image.generation] = reason
        self._of = {number: other for number, other in self._of.items() if other != worker}

    def refused(self, generation: int, reason: str) -> None:
        """What a generation is cannot be made of the image."""
        self._of.pop(generation, None)
        self._why[generation] = reason

    def of(self, generation: int) -> Image | None:
        """Return what a Worker of this generation may be copied from."""
        image = self._images.get(self._of.get(generation, 0))
        return image if image is not None and image.ready else None

    def awaited_until(self, generation: int) -> float | None:
        """Return until when an accepted Worker of this generation may yet say that it has left an image."""
        moments = [
            image.accepted_at + HANGS_AFTER
            for image in self._images.values()
            if image.generation == generation and not image.pid and image.accepted_at is not None
        ]
        return max(moments, default=None)

    def why(self, generation: int) -> str:
        """Return why a generation boots fully, "" if there is nothing to say."""
        return self._why.get(generation, "")

    def loaded(self, generation: int, source: Source) -> list[int]:
        """A file joins a snapshot and later ones: return the images that are to know it."""
        found = []
        for image in self._images.values():
            if image.ready and image.generation >= generation and source.path not in image.holds:
                image.holds[source.path] = source.digest
                found.append(image.worker)
        return found

    @property
    def all(self) -> list[int]:
        """Return the Workers that have left an image, or may."""
        return list(self._images)

    def superfluous(self, live: int) -> list[int]:
        """Forget what is older than the live generation; return the images that nothing needs any more."""
        self._of = {number: worker for number, worker in self._of.items() if number >= live}
        self._why = {number: why for number, why in self._why.items() if number >= live}
        self._none = {number: why for number, why in self._none.items() if number >= live}
        kept = set(self._of.values())
        return [
            image.worker
            for image in self._images.values()
            if image.worker not in kept and image.generation < live
        ]


def differences(image: Image, snapshot: Mapping[str, Source]) -> tuple[Source, ...]:
    """Return what of `snapshot` the image does not hold so; what is not in the snapshot comes as absent."""
    changed = [source for path, source in snapshot.items() if image.holds.get(path) != source.digest]
    absent = [Source(path, b"", None) for path in image.holds if path not in snapshot]
    return tuple(sorted((*changed, *absent), key=_path))


def _path(source: Source) -> str:
    return source.path
