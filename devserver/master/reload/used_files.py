"""The own files that the Workers of each generation use: pure.

Law: the files that the live code or a candidate uses are known before that generation is ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

MOST = 3
"""Generations younger than the live one that are remembered: the candidates, and the one refused last."""


class UsedFiles:
    """Generation → real paths. Those of a refused generation may not exist."""

    def __init__(self) -> None:
        self._paths: dict[int, set[str]] = {}
        self._live = 0
        self._at_boot: frozenset[str] = frozenset()
        """The files that the live code had used when it went live."""

    def add(self, generation: int, paths: Iterable[str]) -> None:
        """A Worker of a generation uses these."""
        if generation >= self._live:
            self._paths.setdefault(generation, set()).update(paths)
            for old in sorted(self._paths.keys() - {self._live})[:-MOST]:
                del self._paths[old]

    def of(self, generation: int) -> Set[str]:
        """Return the files that a generation uses."""
        return self._paths.get(generation, frozenset())

    def went_live(self, generation: int) -> None:
        """Forget files that only older code uses, except late imports: newer code will import those, too."""
        late = self.of(self._live) - self._at_boot
        self._live, self._at_boot = generation, frozenset(self.of(generation))
        self._paths = {number: paths for number, paths in self._paths.items() if number > generation}
        self._paths[generation] = {*self._at_boot, *late}
