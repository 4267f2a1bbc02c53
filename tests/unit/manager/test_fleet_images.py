"""The fleet forks from images what they can be, and from the Manager what they cannot."""

from __future__ import annotations

from msgspec import structs

from devserver.ipc.messages import LEFT, BootDone, Configure, ImageState, Loaded, Reload, Source, WorkerGone
from devserver.manager.fleet import Fleet
from devserver.manager.images import HANGS_AFTER, OVERDUE, REST
from devserver.manager.protocol import (
    Command,
    CopyFailed,
    Elapsed,
    EndImage,
    Event,
    Exited,
    Fork,
    Forked,
    ImageCame,
    ImageGone,
    PrepareImage,
    SendToImage,
    SendToMaster,
)
from tests.fakes.fleet import configure

APP, BESIDE = Source("/app.py", b"1", b""), Source("/beside.py", b"1", b"")


def warm(slots: int) -> Configure:
    """Return settings under which Workers leave images."""
    settings = configure(slots=slots)
    return structs.replace(settings, worker=structs.replace(settings.worker, warm=True))


class Script:
    """A fleet whose first Worker is live and has left an image."""

    def __init__(self, slots: int = 1) -> None:
        self.fleet = Fleet(warm(slots))
        self.now = 0.0
        self.do(Reload(1, 0, (APP,)))
        self.do(Forked(1, 101))
        self.do(BootDone(1, 1, ()))

    def do(self, event: Event) -> list[Command]:
        return self.fleet.handle(event, self.now)

    def image(self) -> list[Command]:
        """Let the image come."""
        return self.do(ImageCame(1, 1001, {APP.path: APP.digest}))


def forks(commands: list[Command]) -> list[Fork]:
    return [command for command in commands if isinstance(command, Fork)]


def verdicts(commands: list[Command]) -> list[str]:
    return [
        c.message.verdict
        for c in commands
        if isinstance(c, SendToMaster) and isinstance(c.message, WorkerGone)
    ]


def test_the_next_slot_waits_for_the_image_and_is_a_copy_of_it() -> None:
    """The wait is short where none comes."""
    script = Script(slots=2)
    assert forks(script.image()) == [Fork(2, 2, 1, image=1)]
    script = Script(slots=2)
    assert script.fleet.deadline == HANGS_AFTER
    script.now = HANGS_AFTER
    assert forks(script.do(Elapsed())) == [Fork(2, 2, 1)]


def test_an_image_leaves_the_processor_to_the_first_requests_of_the_new_code() -> None:
    """It gets ready when its Worker has been live for a moment."""
    script = Script()
    assert script.fleet.deadline == REST
    script.now = REST
    assert script.do(Elapsed()) == [PrepareImage(1)]
    assert script.do(Elapsed()) == []


def test_an_image_gets_ready_at_once_for_a_save_that_waits_for_it() -> None:
    """Nothing is forked by the Manager meanwhile."""
    script = Script()
    assert script.do(Reload(2, 1, (replace_digest(APP, b"2"),))) == [PrepareImage(1)]
    assert len(forks(script.image())) == 1


def test_a_save_is_asked_of_the_image_and_forked_by_the_manager_if_refused() -> None:
    """Under the same number; the reason is reported with the Worker."""
    script = Script()
    script.image()
    newer = replace_digest(APP, b"2")
    assert forks(script.do(Reload(2, 1, (newer,)))) == [Fork(2, 1, 2, image=1, changes=(newer,))]
    assert forks(script.do(CopyFailed(2, "its module level changed"))) == [Fork(2, 1, 2)]
    sent = script.do(Forked(2, 102))
    assert [command.message.why for command in sent if isinstance(command, SendToMaster)] == [  # type: ignore[union-attr]
        "its module level changed"
    ]


def test_an_import_that_takes_no_time_is_not_recorded_again() -> None:
    """Recording costs some ms, which a small app need not pay; one that grows gets its image a save later."""
    script = Script()
    recorded = []
    for generation, own_ms in enumerate((2.0, 29.0, 31.0, 16.0, None, 14.0, 0.0), 1):
        script.do(ImageGone(generation, "", own_ms))
        [fork] = forks(
            script.do(Reload(generation + 1, generation, (replace_digest(APP, b"%d" % generation),)))
        )
        recorded.append(fork.records)
        script.do(Forked(fork.worker, 100 + fork.worker))
        script.do(BootDone(fork.worker, fork.generation, ()))
    assert recorded == [False, False, True, True, True, False, False]


def test_an_image_that_refuses_its_own_code_is_given_up() -> None:
    """What it was made of has changed, so it is asked once only."""
    script = Script(slots=2)
    script.image()
    commands = script.do(CopyFailed(2, "data.txt has changed"))
    assert EndImage(1) in commands
    assert forks(commands) == [Fork(2, 2, 1)]


def test_what_joins_before_the_image_has_come_is_reported_to_it_then() -> None:
    """It is no change that the image would have to judge."""
    script = Script(slots=2)
    script.do(Loaded(0, 1, BESIDE))
    commands = script.image()
    assert commands[0] == SendToImage(1, BESIDE)
    assert forks(commands) == [Fork(2, 2, 1, image=1)]


def test_a_module_that_a_swapped_copy_imports_late_is_no_change_at_the_next_save() -> None:
    """The image has not imported it, so it may be swapped again."""
    script = Script()
    script.image()
    newer, newest = replace_digest(APP, b"2"), replace_digest(APP, b"3")
    script.do(Reload(2, 1, (newer,)))
    script.do(Forked(2, 102, way="swap", functions=1))
    script.do(BootDone(2, 2, ()))
    assert script.do(Loaded(0, 2, BESIDE)) == [SendToImage(1, BESIDE)]
    assert forks(script.do(Reload(3, 2, (newest,)))) == [Fork(3, 1, 3, image=1, changes=(newest,))]


def test_what_a_candidate_imports_late_joins_the_image_once_it_is_live() -> None:
    """Else the live code, which lacks it, could not be copied any more."""
    script = Script()
    script.image()
    newer, newest = replace_digest(APP, b"2"), replace_digest(APP, b"3")
    script.do(Reload(2, 1, (newer,)))
    script.do(Forked(2, 102, way="swap", functions=1))
    assert script.do(Loaded(0, 2, BESIDE)) == []
    script.do(Exited(2, 256))
    assert forks(script.do(Reload(3, 1, (newest,)))) == [Fork(3, 1, 3, image=1, changes=(newest,))]
    script.do(Forked(3, 103, way="swap", functions=1))
    assert script.do(Loaded(0, 3, BESIDE)) == []
    assert SendToImage(1, BESIDE) in script.do(BootDone(3, 3, ()))


def test_an_image_that_hangs_is_killed_and_what_it_was_asked_for_is_forked() -> None:
    """A copy that was dropped meanwhile is none that is forked."""
    script = Script(slots=2)
    script.image()
    script.now = HANGS_AFTER
    commands = script.do(Elapsed())
    assert EndImage(1) in commands
    assert forks(commands) == [Fork(2, 2, 1)]
    assert forks(script.do(ImageGone(1))) == []


def test_a_save_that_a_hanging_image_was_asked_for_is_reported() -> None:
    """Its Worker is forked by the Manager, under the same number."""
    script = Script()
    script.image()
    script.do(Reload(2, 1, (replace_digest(APP, b"2"),)))
    script.now = HANGS_AFTER
    assert forks(script.do(Elapsed())) == [Fork(2, 1, 2)]
    sent = script.do(Forked(2, 102))
    assert [c.message.why for c in sent if isinstance(c, SendToMaster)] == [OVERDUE]  # type: ignore[union-attr]


def test_an_image_that_hangs_before_it_is_ready_is_given_up_too() -> None:
    """The save does not wait for it again, and says why everything is imported."""
    script = Script()
    script.now = HANGS_AFTER
    commands = script.do(Reload(2, 1, (replace_digest(APP, b"2"),)))
    assert (EndImage(1) in commands, forks(commands)) == (True, [Fork(2, 1, 2)])
    sent = script.do(Forked(2, 102))
    assert [c.message.why for c in sent if isinstance(c, SendToMaster)] == [OVERDUE]  # type: ignore[union-attr]


def test_a_candidate_that_no_image_can_be_is_left_to_a_manager_that_stands_by() -> None:
    """Whether the image refuses it or there is none."""
    script = Script()
    script.image()
    script.do(Reload(2, 1, (replace_digest(APP, b"2"),), elsewhere=True))
    commands = script.do(CopyFailed(2, "a constant"))
    assert forks(commands) == []
    assert verdicts(commands) == [LEFT + "a constant"]
    script.do(ImageGone(1))
    assert verdicts(script.do(Reload(3, 1, (), elsewhere=True))) == [LEFT]


def test_a_swap_does_not_carry_the_reason_of_the_boot_before_it() -> None:
    """The save came between that boot and its image."""
    script = Script()
    script.image()
    script.do(Reload(2, 1, (replace_digest(APP, b"2"),)))
    script.do(CopyFailed(2, "its module level changed"))
    script.do(Forked(2, 102))
    script.do(BootDone(2, 2, ()))
    newer = replace_digest(APP, b"3")
    assert forks(script.do(Reload(3, 2, (newer,)))) == []
    assert forks(script.do(ImageCame(2, 1002, {APP.path: b"2"}))) == [
        Fork(3, 1, 3, image=2, changes=(newer,))
    ]
    sent = script.do(Forked(3, 103, way="swap", functions=1))
    assert [c.message.why for c in sent if isinstance(c, SendToMaster)] == [""]  # type: ignore[union-attr]


def test_a_copy_that_is_forked_too_late_is_ended_then() -> None:
    """It was dropped before it had a process."""
    script = Script()
    script.image()
    script.do(Reload(2, 1, (replace_digest(APP, b"2"),)))
    script.do(Reload(3, 1, (replace_digest(APP, b"3"),)))
    script.do(Forked(3, 103))
    script.do(BootDone(3, 3, ()))
    assert any(getattr(c, "worker", 0) == 2 for c in script.do(Forked(2, 102)))
    assert verdicts(script.do(Exited(2, 15))) == ["dropped"]


def test_an_image_whose_worker_is_never_accepted_is_ended() -> None:
    """Its code is not good."""
    script = Script()
    script.image()
    assert forks(script.do(Reload(2, 1, (), cold="a reload was asked for"))) == [Fork(2, 1, 2)]
    script.do(Forked(2, 102))
    script.do(ImageCame(2, 1002, {}))
    assert EndImage(2) in script.do(Exited(2, 256))


def states(commands: list[Command]) -> list[str]:
    """Return what the commands report to the Master about images."""
    return [
        c.message.state for c in commands if isinstance(c, SendToMaster) and isinstance(c.message, ImageState)
    ]


def test_whether_there_is_an_image_is_reported_when_it_changes() -> None:
    """One that is awaited may yet come."""
    script = Script()
    assert states(script.image()) == ["exists"]
    assert states(script.do(Reload(2, 1, (), cold="a reload was asked for"))) == []
    script.do(Forked(2, 102))
    assert states(script.do(ImageGone(1))) == ["awaited"]
    assert states(script.do(ImageGone(2, "main.py:1 opens sockets"))) == ["none"]
    script = Script()
    assert states(script.do(ImageGone(1, "main.py:1 opens sockets"))) == ["none"]


def replace_digest(source: Source, digest: bytes) -> Source:
    return structs.replace(source, digest=digest)
