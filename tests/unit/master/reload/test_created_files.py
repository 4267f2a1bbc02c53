"""Edits wait for a Worker's word on what it makes, in their order and not for long."""

from __future__ import annotations

import asyncio

from devserver.ipc.messages import Creates, Source
from devserver.master.reload.created_files import PATIENCE, CreatedFiles, Edit
from tests.fakes.clock import passes, run


def edit(number: int, *paths: str, adds: bool = False) -> Edit:
    return Edit(number, [Source(path, b"1", None) for path in paths], {}, {}, adds)


def test_an_edit_waits_until_it_is_known_who_made_the_file() -> None:
    """Those after it wait, too; what holds something else was not made by the Worker."""

    async def main() -> None:
        settled: list[int] = []
        created = CreatedFiles(lambda found: settled.append(found.number), asyncio.get_running_loop())
        created.on_reported(Creates(1, 3, "a"))
        created.on_edit_checked(edit(1, "a"))
        created.on_edit_checked(edit(2, "b"))
        assert settled == []
        created.on_reported(Creates(1, 3, "a", b"1"))
        assert settled == [1, 2]
        assert created.by(Source("a", b"1", None)) == 3
        assert created.by(Source("a", b"2", None)) == 0
        created.close()

    run(main())


def test_a_new_file_waits_for_a_worker_that_was_ordered_and_may_have_created_it() -> None:
    """It runs before the Manager's report is read. What it has sent by then counts; old files do not wait."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        settled: list[int] = []
        created = CreatedFiles(lambda found: settled.append(found.number), loop)
        created.on_boot_ordered(3)
        created.on_edit_checked(edit(1, "old"))
        assert settled == [1]
        created.on_edit_checked(edit(2, "new", adds=True))
        created.on_worker_added(3)
        loop.call_soon(created.on_reported, Creates(1, 3, "new"))
        await passes(PATIENCE * 0.5)
        assert settled == [1]
        created.on_reported(Creates(1, 3, "new", b"1"))
        assert settled == [1, 2]
        assert created.by(Source("new", b"1", None)) == 3
        created.close()

    run(main())


def test_a_new_file_does_not_wait_for_ever_for_a_worker() -> None:
    """Its boot ended without one, or takes long."""

    async def main() -> None:
        settled: list[int] = []
        created = CreatedFiles(lambda found: settled.append(found.number), asyncio.get_running_loop())
        created.on_boot_ordered(3)
        created.on_edit_checked(edit(1, "a", adds=True))
        created.on_order_done(3)
        assert settled == [1]
        created.on_boot_ordered(4)
        created.on_edit_checked(edit(2, "b", adds=True))
        await passes(PATIENCE * 1.1)
        assert settled == [1, 2]
        created.close()

    run(main())


def test_an_edit_does_not_wait_for_ever_for_a_worker_that_sends_nothing_more() -> None:
    """It was killed, or computes."""

    async def main() -> None:
        settled: list[int] = []
        created = CreatedFiles(lambda found: settled.append(found.number), asyncio.get_running_loop())
        created.on_reported(Creates(1, 3, "a"))
        created.on_edit_checked(edit(1, "a"))
        await passes(PATIENCE * 0.9)
        assert settled == []
        await passes(PATIENCE * 0.2)
        assert settled == [1]
        created.close()

    run(main())


def test_what_could_not_start_is_tried_once_more_with_what_it_made() -> None:
    """Not for ever, if it makes something each time; a save begins again."""

    async def main() -> None:
        created = CreatedFiles(lambda found: None, asyncio.get_running_loop())
        assert not created.should_retry(1)
        created.note_taken(1)
        assert created.should_retry(1)
        created.note_taken(2)
        assert not created.should_retry(2)
        created.on_saved()
        assert created.should_retry(2)

    run(main())
