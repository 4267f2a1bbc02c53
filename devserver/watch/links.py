"""Symbolic links among the files that matter: an event of a link's target is one of the link, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from devserver.watch.check.read import Content


class Links:
    """Real path of the target → the links that lead there."""

    def __init__(self) -> None:
        self._links: dict[str, set[str]] = {}

    def names(self, path: str) -> tuple[str, ...]:
        """Return a path, and the links that lead to it."""
        return (path, *self._links.get(path, ()))

    def follow(self, contents: Iterable[Content], folder_links: set[str]) -> Iterator[str]:
        """Record the links among files that were read; yield the targets of new ones.

        A link to a folder is not followed: a change of it is a change of what it leads to.
        """
        for content in contents:
            known = self._links.get(content.target, set())
            if content.target and content.path not in known | folder_links:
                self._links[content.target] = known | {content.path}
                yield content.target
