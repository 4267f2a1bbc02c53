"""The process of the next Worker is forked in the pause after a save, if the next save will need it."""

from __future__ import annotations

from msgspec import structs

from devserver.ipc.messages import BootDone, Reload, Source, Stop
from devserver.manager.fleet import Fleet
from devserver.manager.images import REST
from devserver.manager.protocol import (
    Command,
    Elapsed,
    Event,
    ForkAhead,
    Forked,
    ImageCame,
    ImageGone,
    PrepareImage,
)
from tests.fakes.fleet import configure

APP = Source("/app.py", b"1", b"")


class Script:
    """A fleet of one slot, whose Worker N runs as process 100 + N."""

    def __init__(self, *, warm: bool = False) -> None:
        settings = configure(slots=1)
        worker = structs.replace(settings.worker, warm=warm)
        self.fleet = Fleet(structs.replace(settings, worker=worker), ahead=True)
        self.now = 0.0

    def do(self, event: Event) -> list[Command]:
        return self.fleet.handle(event, self.now)

    def rest(self) -> list[Command]:
        """Let a pause go by in which nothing else happens."""
        self.now += REST
        return self.do(Elapsed())

    def boots(self, generation: int) -> None:
        """Order a generation; its first Worker has the same number."""
        self.do(Reload(generation, generation - 1, (structs.replace(APP, digest=bytes([generation])),)))
        self.do(Forked(generation, 100 + generation))

    def goes_live(self, generation: int) -> None:
        self.boots(generation)
        self.do(BootDone(generation, generation, ()))


def test_after_a_save_the_next_worker_is_forked_ahead() -> None:
    """Not before the first one: it would only take memory."""
    script = Script()
    script.goes_live(1)
    assert script.rest() == []
    script.goes_live(2)
    assert script.fleet.deadline == script.now + REST
    assert script.rest() == [ForkAhead(2)]
    assert ForkAhead(2) not in script.rest()


def test_nothing_is_forked_ahead_while_a_worker_boots() -> None:
    """It has the processor; once it is accepted, the pause begins."""
    script = Script()
    script.goes_live(1)
    script.goes_live(2)
    script.boots(3)
    assert ForkAhead(2) not in script.rest()
    assert script.fleet.deadline is None or script.fleet.deadline > script.now
    script.do(BootDone(3, 3, ()))
    assert script.rest() == [ForkAhead(3)]


def test_nothing_is_forked_ahead_where_an_image_is_copied() -> None:
    """Or where one is awaited; if none comes, it is."""
    script = Script(warm=True)
    script.goes_live(1)
    script.do(ImageGone(1))
    script.goes_live(2)
    script.do(ImageCame(2, 1002, {}))
    assert ForkAhead(2) not in script.rest()
    script = Script(warm=True)
    script.goes_live(1)
    script.do(ImageGone(1))
    script.goes_live(2)
    script.do(ImageGone(2))
    assert ForkAhead(2) in script.rest()


def test_an_image_that_must_not_be_copied_is_found_out_late() -> None:
    """It was awaited in the pause; after it there is another."""
    script = Script(warm=True)
    script.goes_live(1)
    script.do(ImageGone(1))
    script.goes_live(2)
    assert script.rest() == [PrepareImage(2)]
    script.do(ImageGone(2, "its import shares memory"))
    assert script.rest() == [ForkAhead(2)]


def test_a_manager_that_leaves_forks_nothing_ahead() -> None:
    """And does not wake for it."""
    script = Script()
    script.goes_live(1)
    script.goes_live(2)
    script.do(Stop(60.0))
    assert script.fleet.deadline is not None
    assert script.fleet.deadline > script.now + REST
    assert ForkAhead(2) not in script.rest()
