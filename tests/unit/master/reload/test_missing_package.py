"""Trying again after an installation."""

from __future__ import annotations

import asyncio

from devserver.master.reload.missing_package import EVERY, MissingPackage
from tests.fakes.clock import passes, run


def test_an_installation_is_followed_by_one_try_once_it_is_over() -> None:
    """While packages go on coming nothing is tried; before and after, nothing either."""
    found, tries = [0], []

    async def main() -> None:
        awaited = MissingPackage(lambda: found[0], lambda: tries.append(found[0]), asyncio.get_running_loop())
        awaited.begin()
        await passes(EVERY)
        for moment in range(1, 4):
            found[0] = moment
            await passes(EVERY)
        assert tries == []
        for _ in range(3):
            await passes(EVERY)
        assert tries == [3]
        found[0] = 4  # it did not help, and there is more
        await passes(EVERY)
        await passes(EVERY)
        assert tries == [3, 4]
        awaited.end()

    run(main())


def test_nothing_is_tried_once_code_runs() -> None:
    """The cure was another: what is installed later is for the next save."""
    found, tries = [0], []

    async def main() -> None:
        awaited = MissingPackage(lambda: found[0], lambda: tries.append(found[0]), asyncio.get_running_loop())
        awaited.begin()
        awaited.begin()
        found[0] = 1
        await passes(EVERY)
        awaited.end()
        await passes(EVERY)
        awaited.begin()
        await passes(EVERY)
        await passes(EVERY)
        awaited.end()
        assert tries == []

    run(main())
