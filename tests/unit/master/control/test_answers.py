"""What the control socket answers: for the newest save, whenever its decision comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from devserver.common.failure import Failure
from devserver.control import protocol
from devserver.control.protocol import Verdict
from devserver.master.control.answers import Answers
from devserver.master.control.journal import Journal
from devserver.master.edits import Edits
from devserver.master.reload.generations import Generations
from devserver.master.reload.timings import Timings
from devserver.reporting import plain
from tests.fakes.file_watch import NoFileWatch
from tests.fakes.routes import no_routes


class FailsJustThen:
    """A server whose first code fails in the loop's turn after a client has asked for the newest edit."""

    def __init__(self) -> None:
        self.generations = Generations()
        self.rereads = 0
        self._edits = Edits(self.generations, Timings(), lambda _: None, lambda _: None, lambda _: None)
        self._edits.watch = NoFileWatch()
        self.generations.start()

    async def newest_edit_on_disk(self) -> int:
        asyncio.get_running_loop().call_soon(self._fail)
        return 0

    def _fail(self) -> None:
        self.generations.on_boot_failed(1, Failure("import", "ImportError", "no module"))
        self._edits.note_decision()

    def request_reload(self) -> None:
        raise AssertionError("nobody has asked")

    def next_decision(self) -> Awaitable[object]:
        return self._edits.next_decision()


def test_wait_answers_when_the_decision_comes_just_as_it_begins_to_wait() -> None:
    """No wake-up is lost between the look at what is settled and the wait."""

    async def main() -> None:
        answers = Answers(FailsJustThen(), no_routes(), Journal(plain.line), "/shop", lambda _reason: None)
        (verdict,) = [reply async for reply in answers.answer(protocol.AskWait(timeout_s=5))]
        assert isinstance(verdict, Verdict)
        assert verdict.state == "not-live"

    asyncio.run(main())
