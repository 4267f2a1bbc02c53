"""Generation → the source of every own module: what a Worker runs, whatever is on the disk by now.

Laws: the entry of a path in a snapshot never changes. Snapshots share their entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import Source

Snapshot = Mapping[str, Source]
"""Path → module. An entry without source is an absent file, even if the disk has it again."""


class Snapshots:
    """The snapshots that a Worker may still be started from."""

    def __init__(self) -> None:
        self._generations: dict[int, dict[str, Source]] = {0: {}}

    def __contains__(self, generation: int) -> bool:
        return generation in self._generations

    def __getitem__(self, generation: int) -> Snapshot:
        return self._generations[generation]

    def add(self, generation: int, base: int, changes: Iterable[Source]) -> None:
        """Make `generation` from `base` (0: empty) and `changes`. Raises IllegalEvent."""
        if base not in self._generations:
            raise IllegalEvent(f"generation {generation} is based on {base}, which is forgotten")
        changed = {source.path: source for source in changes}
        self._generations[generation] = self._generations[base] | changed

    def loaded(self, generation: int, source: Source) -> None:
        """Add a module that a Worker read late to `generation`, and to later ones that lack it."""
        for number, snapshot in self._generations.items():
            if number >= max(generation, 1):
                snapshot.setdefault(source.path, source)

    def forget(self, below: int) -> None:
        """Drop the generations older than `below`."""
        for number in [number for number in self._generations if 0 < number < below]:
            del self._generations[number]
