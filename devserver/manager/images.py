"""Which image a generation may be copied from: pure.

Laws: a generation is copied from an image of its own code, or of older code if only Python files have changed
since. An image is used once the Master has accepted the Worker that left it. Images of the live generation
and of candidates are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from devserver.ipc.messages import Source

HANGS_AFTER = 2.0
"""Seconds within which an image has to be ready, and within which it has to have forked a copy."""
REST = 0.25
"""Seconds from accepting a Worker until its image gets ready, if none waits for it: requests come first."""
OVERDUE = f"its image did not answer within {HANGS_AFTER:g} s"


@dataclass(slots=True)
class Image:
    """Named after the Worker that left it. `holds`: the digest of each own file that it knows, by path."""

    worker: int
    generation: int
    pid: int = 0
    holds: dict[str, bytes] = field(default_factory=dict)
    joined: list[Source] = field(default_factory=list)
    """Files that joined its snapshot before it reported what it holds."""
    accepted_at: float | None = None
    prepares_from: float | None = None
    """When it was ordered to get ready."""

    @property
    def due(self) -> float | None:
        """Return when it has to be ready at the latest, None while its Worker is not accepted."""
        began = self.prepares_from if self.prepares_from is not None else self.accepted_at
        return None if began is None else began + HANGS_AFTER

    @property
    def ready(self) -> bool:
        """Return whether the image may be copied."""
        return self.accepted_at is not None and self.pid > 0

    def learn(self, source: Source) -> bool:
        """Add a file that has joined the snapshot; return whether the image does not know it yet."""
        known = source.path in self.holds
        self.holds.setdefault(source.path, source.digest)
        return not known


class Images:
    """The images that exist or are expected: a Worker that boots fully may leave one."""

    def __init__(self) -> None:
        self._images: dict[int, Image] = {}
        self._bases: dict[int, int] = {}
        """Generation → the older one whose image it may be copied from if it has no image itself."""
        self._late: dict[int, list[Source]] = {}
        """Generation → the files that its copies have read late, until it is live."""
        self._why: dict[int, str] = {}
        """Generation → why it boots fully, or why its Worker has left no image."""

    def ordered(self, generation: int, base: int, cold: str) -> None:
        """Add a generation that differs from `base`. `cold`: why it has to boot fully, "" if it does not."""
        if cold:
            self._why[generation] = cold
            return
        image = self.of(base)
        self._bases[generation] = image.generation if image else base
        if image is None and base in self._why:
            self._why[generation] = self._why[base]

    def expected(self, worker: int, generation: int) -> None:
        """Record that a Worker boots fully and may leave an image."""
        self._images[worker] = Image(worker, generation)

    def came(self, worker: int, pid: int, holds: dict[str, bytes]) -> list[Source]:
        """Record the image that a Worker has left; return the sources to send to it."""
        image = self._images.get(worker)
        if image is None:
            return []
        image.pid, image.holds = pid, holds
        joined, image.joined = image.joined, []
        return [source for source in joined if image.learn(source)]

    def accepted(self, worker: int, now: float) -> None:
        """Record that the Master has accepted the Worker: its image may be copied, too."""
        if (image := self._images.get(worker)) and image.accepted_at is None:
            image.accepted_at = now

    def gone(self, worker: int, reason: str = "") -> None:
        """Forget the image of a Worker: it left none, or the image has exited."""
        if image := self._images.pop(worker, None):
            self._why.setdefault(image.generation, reason)

    def refused(self, generation: int, reason: str) -> None:
        """Record that a generation cannot be made from an older image."""
        self._bases.pop(generation, None)
        self._why[generation] = reason

    def of(self, generation: int) -> Image | None:
        """Return the image that a Worker of this generation may be copied from."""
        return next((image for image in self._line(generation) if image.ready), None)

    def awaited_until(self, generation: int) -> float | None:
        """Return how long to wait for an image that a Worker of this generation may be copied from."""
        for image in self._line(generation):
            if image.ready:
                return None
            if image.due is not None:
                return image.due
        return None

    def prepare(self, now: float, awaited_by: int | None = None) -> list[int]:
        """Return the images that are to get ready now: a generation waits for them, or they have rested."""
        among = self._images.values() if awaited_by is None else self._line(awaited_by)
        rest = REST if awaited_by is None else 0.0
        found = [
            image
            for image in among
            if image.prepares_from is None
            and image.accepted_at is not None
            and image.accepted_at + rest <= now
        ]
        for image in found:
            image.prepares_from = now
        return [image.worker for image in found]

    @property
    def deadlines(self) -> list[float]:
        """Return when an image is to get ready, whether or not a Worker waits for it."""
        accepted = [image.accepted_at for image in self._images.values() if image.prepares_from is None]
        return [moment + REST for moment in accepted if moment is not None]

    def overdue(self, generation: int, now: float) -> list[int]:
        """Return the images for which a Worker of this generation has waited in vain."""
        return [
            image.worker
            for image in self._line(generation)
            if image.due is not None and not image.ready and image.due <= now
        ]

    def _line(self, generation: int) -> Iterator[Image]:
        """Yield images from which a Worker of this generation may be copied, the best one first."""
        at: int | None = generation
        while at is not None:
            yield from (image for image in self._images.values() if image.generation == at)
            at = self._bases.get(at)

    def why(self, generation: int) -> str:
        """Return why a generation boots fully, "" if there is no reason to report."""
        return self._why.get(generation, "")

    def loaded(self, generation: int, source: Source, live: int) -> list[int]:
        """Add a file to a snapshot and to later ones; return the images to send it to.

        An image that this generation was copied from has not imported it. It learns it once that is live.
        """
        found = []
        for image in self._images.values():
            if image.generation < generation:
                continue
            if not image.pid:
                image.joined.append(source)
            elif image.learn(source):
                found.append(image.worker)
        self._late.setdefault(generation, []).append(source)
        if generation == live:
            found += [worker for worker, _source in self.on_live(generation)]
        return found

    def on_live(self, generation: int) -> list[tuple[int, Source]]:
        """Return which files to send to which images, once a generation is live."""
        late = self._late.pop(generation, [])
        self._late = {number: sources for number, sources in self._late.items() if number > generation}
        older = [image for image in self._line(generation) if image.generation < generation and image.pid]
        return [(image.worker, source) for image in older for source in late if image.learn(source)]

    @property
    def state(self) -> Literal["exists", "awaited", "none"]:
        """Return whether there is an image, or one may come."""
        if any(image.pid for image in self._images.values()):
            return "exists"
        return "awaited" if self._images else "none"

    @property
    def all(self) -> list[int]:
        """Return the Workers that have left an image or may leave one."""
        return list(self._images)

    def superfluous(self, live: int, *candidates: int) -> list[int]:
        """Return the images that are not needed any more; forget what only other generations need.

        The first ready one of those that the live code or a candidate may be copied from is enough.
        """
        needed: set[int] = set()
        numbers = {live, *candidates}
        for number in tuple(numbers):
            for image in self._line(number):
                needed.add(image.worker)
                numbers.add(image.generation)
                if image.ready:
                    break
        self._bases = {number: base for number, base in self._bases.items() if number in numbers}
        self._why = {number: why for number, why in self._why.items() if number in numbers}
        return [
            image.worker
            for image in self._images.values()
            if image.worker not in needed and (image.ready or image.generation < live)
        ]


def differences(image: Image, snapshot: Mapping[str, Source]) -> tuple[Source, ...]:
    """Return the sources in which `snapshot` differs from the image; a file it lacks counts as absent."""
    changed = [source for path, source in snapshot.items() if image.holds.get(path) != source.digest]
    absent = [Source(path, b"", None) for path in image.holds if path not in snapshot]
    return tuple(sorted((*changed, *absent), key=_path))


def _path(source: Source) -> str:
    return source.path
