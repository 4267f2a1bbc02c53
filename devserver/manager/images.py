"""Which image a generation may be copied from: pure.

Law: a generation is copied from an image of its own code, or of older code in which only Python files have
changed since. An image counts once the Master has accepted the Worker that left it. Those of the live code
and of candidates are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        self._bases: dict[int, int] = {}
        """Generation → the older one whose image it may be copied from, if it has none itself."""
        self._why: dict[int, str] = {}
        """Generation → why it boots fully, or why its Worker has left no image."""

    def ordered(self, generation: int, base: int, cold: str) -> None:
        """A generation that differs from `base` is ordered; `cold`: why it has to boot fully, if so."""
        if cold:
            self._why[generation] = cold
            return
        image = self.of(base)
        self._bases[generation] = image.generation if image else base
        if image is None and base in self._why:
            self._why[generation] = self._why[base]

    def expected(self, worker: int, generation: int) -> None:
        """A Worker boots fully and may leave an image."""
        self._images[worker] = Image(worker, generation)

    def came(self, worker: int, pid: int, holds: dict[str, bytes]) -> None:
        """It has left one."""
        if image := self._images.get(worker):
            image.pid, image.holds = pid, holds

    def accepted(self, worker: int, now: float) -> None:
        """The Master has accepted the Worker: its image, if there will be one, is as good as it is."""
        if (image := self._images.get(worker)) and image.accepted_at is None:
            image.accepted_at = now

    def gone(self, worker: int, reason: str = "") -> None:
        """There is no image of that Worker, or none any more."""
        if image := self._images.pop(worker, None):
            self._why.setdefault(image.generation, reason)

    def refused(self, generation: int, reason: str) -> None:
        """What a generation is cannot be made of an older image."""
        self._bases.pop(generation, None)
        self._why[generation] = reason

    def of(self, generation: int) -> Image | None:
        """Return what a Worker of this generation may be copied from."""
        return next((image for image in self._line(generation) if image.ready), None)

    def awaited_until(self, generation: int) -> float | None:
        """Return until when it may yet turn out that a Worker of this generation can be a copy."""
        for image in self._line(generation):
            if image.ready:
                return None
            if image.accepted_at is not None:
                return image.accepted_at + HANGS_AFTER
        return None

    def _line(self, generation: int) -> Iterator[Image]:
        """Yield images from which a Worker of this generation may be copied, the best one first."""
        at: int | None = generation
        while at is not None:
            yield from (image for image in self._images.values() if image.generation == at)
            at = self._bases.get(at)

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
        needed = {
            image.worker for number in (live, *self._bases) if number >= live for image in self._line(number)
        }
        old = [image for image in self._images.values() if image.generation < live]
        kept = {live, *(image.generation for image in old if image.worker in needed)}
        self._bases = {
            number: base for number, base in self._bases.items() if number >= live or number in kept
        }
        self._why = {number: why for number, why in self._why.items() if number >= live or number in kept}
        return [image.worker for image in old if image.worker not in needed]


def differences(image: Image, snapshot: Mapping[str, Source]) -> tuple[Source, ...]:
    """Return what of `snapshot` the image does not hold so; what is not in the snapshot comes as absent."""
    changed = [source for path, source in snapshot.items() if image.holds.get(path) != source.digest]
    absent = [Source(path, b"", None) for path in image.holds if path not in snapshot]
    return tuple(sorted((*changed, *absent), key=_path))


def _path(source: Source) -> str:
    return source.path
