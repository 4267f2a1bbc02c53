"""What a requested reload does beside saves that were noticed before it."""

from __future__ import annotations

from collections.abc import Callable

from devserver.master.edits import Edits
from devserver.master.reload.commands import Boot, Command
from devserver.master.reload.timings import Timings
from tests.fakes.clock import run
from tests.fakes.file_watch import NoFileWatch
from tests.fakes.generations import file, running


def with_edits(test: Callable[[Edits, list[Command]], None]) -> None:
    """Run a test with the edits of an app whose generation 1 is live, and the commands so far."""

    async def main() -> None:
        commands: list[Command] = []
        edits = Edits(running(app="1"), Timings(), lambda _: None, commands.extend, lambda _: None)
        edits.watch = NoFileWatch()
        test(edits, commands)
        edits.created.close()

    run(main())


def checked(edits: Edits, number: int, text: str) -> None:
    edits.on_edit_checked(number, [file("app", text)], {}, {"settle": 1.0, "check": 1.0})


def test_a_save_that_is_noticed_twice_and_a_requested_reload_are_one_reload() -> None:
    """The reload was requested while the save was being read, and has found the same text."""

    def test(edits: Edits, commands: list[Command]) -> None:
        edits.on_edit_noticed(1, ("app",))
        edits.on_edit_noticed(2, ("app",))
        edits.on_files_reread(2)
        checked(edits, 1, "2")
        checked(edits, 2, "2")
        assert [type(command) for command in commands] == [Boot]

    with_edits(test)


def test_only_an_edit_with_a_new_file_waits_for_a_worker_that_was_ordered() -> None:
    """That Worker may have created the file; it lacks what was saved before."""

    def test(edits: Edits, commands: list[Command]) -> None:
        edits.created.on_boot_ordered(2)
        edits.on_edit_noticed(1, ("app",))
        edits.on_edit_noticed(2, ("new",))
        checked(edits, 1, "2")
        assert [type(command) for command in commands] == [Boot]
        edits.on_edit_checked(2, [file("new", "1")], {}, {"settle": 1.0, "check": 1.0})
        assert [type(command) for command in commands] == [Boot]
        edits.created.on_order_done(2)
        assert [type(command) for command in commands] == [Boot, Boot]

    with_edits(test)


def test_a_requested_reload_boots_though_its_edit_changes_nothing() -> None:
    """The file was touched."""

    def test(edits: Edits, commands: list[Command]) -> None:
        edits.on_edit_noticed(1, ("app",))
        edits.on_files_reread(1)
        checked(edits, 1, "1")
        assert [type(command) for command in commands] == [Boot]

    with_edits(test)
