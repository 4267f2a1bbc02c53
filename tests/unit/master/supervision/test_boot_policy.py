"""Where candidates boot, and which of them are retried: real generations, and fake Managers."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import cast

from devserver.common.events import Notice
from devserver.common.failure import Failure, Frame
from devserver.ipc import messages
from devserver.ipc.messages import Imported, Preload, Reload, Report, Source, StandDown, ToManager
from devserver.master.dispatch.worker import Worker
from devserver.master.reload.commands import Boot, Command
from devserver.master.reload.generations import Generations
from devserver.master.supervision.boot_policy import BootPolicy
from devserver.master.supervision.facts import CandidatesStranded
from devserver.master.supervision.standby import CALM
from devserver.master.supervision.worker_record import WorkerRecord
from tests.fakes.clock import passes
from tests.fakes.generations import ready
from tests.fakes.manager import FakeManager, imported
from tests.fakes.manager_pool import PoolHarness, on_a_clock

OLD, NEW = Source("/project/app.py", b"1", b"old"), Source("/project/app.py", b"2", b"new")
NEWER = Source("/project/app.py", b"3", b"newer")
BESIDE = Source("/project/views.py", b"1", b"")
PAGE = Source("/project/page.html", b"1", b"")
PAGE_2 = Source("/project/page.html", b"2", b"")
INSIDE = Failure("import", "RuntimeError", "forked", frames=(Frame("/x/site-packages/grpc.py", 1, "f"),))
OWN = Failure("import", "ValueError", "no", frames=(Frame("/project/app.py", 1, "f"),))


class FakeWorkerRecord(WorkerRecord):
    """A Worker without a process, which notes its signals."""

    def __init__(self, manager: FakeManager | None, generation: int, *, ready: bool = False) -> None:
        number = None if manager is None else manager.number
        super().__init__(cast(Worker, FakeProcess(generation)), number, import_ms=400.0)
        if ready:
            self.step("accept")

    @property
    def signals(self) -> list[signal.Signals]:
        return cast(FakeProcess, self.process).signals


class FakeProcess:
    """A process that notes its signals."""

    def __init__(self, generation: int) -> None:
        self.id, self.generation, self.way = 1, generation, "boot"
        self.signals: list[signal.Signals] = []

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)


class FakeSupervisor(PoolHarness):
    """A Supervisor that has nothing but its pool of Managers."""

    def send(self, message: ToManager) -> None:
        if self.pool.serves:
            self.pool.send(message)


class BootPolicyHarness:
    """Generation 1 is live, of two modules and a template."""

    def __init__(self, managers: list[FakeManager]) -> None:
        self.managers = managers
        self.supervisor = FakeSupervisor()
        self.book = Generations()
        self.homeless = 0
        supervisor = self.supervisor
        self.boots = BootPolicy(
            supervisor.pool, supervisor.send, supervisor.do, supervisor.events.append, self._stranded
        )
        assert self.supervisor.pool.launch()
        [boot] = self.book.start()
        self.order(boot)
        for source in (OLD, BESIDE, PAGE):
            self.book.on_file_loaded(1, source)
        self.goes_live(1)

    def _stranded(self, _fact: CandidatesStranded) -> None:
        self.homeless += 1

    def order(self, command: Command) -> None:
        """Have a candidate booted."""
        assert isinstance(command, Boot)
        candidate = self.book.candidate(command.generation)
        assert candidate is not None
        self.boots.order(command, candidate.snapshot)

    def save(self, source: Source) -> int:
        """Let a file be saved; return the generation that boots."""
        edit = self.book.edit + 1
        self.book.on_edit_noticed(edit)
        [boot] = self.book.on_edit_checked(edit, (source,), {})
        assert isinstance(boot, Boot)
        self.order(boot)
        return boot.generation

    def goes_live(self, generation: int) -> None:
        """Let a candidate be ready."""
        assert ready(self.book, generation)
        self.supervisor.on_code_live(generation)
        self.boots.on_code_live(generation)

    def tells(self, worker: FakeWorkerRecord, message: Imported) -> bool:
        """Let a Worker tell what it has imported; return whether that asks for a reload."""
        again = self.book.candidate(worker.generation)
        return self.boots.on_imported(worker, message, self.book.live, again)

    def fails(self, worker: FakeWorkerRecord, failure: Failure = INSIDE) -> bool:
        """Let a boot fail; return whether it is retried."""
        return self.boots.boots_cold(worker, failure, None, self.book.candidate(worker.generation))

    async def prepared(self, **environment: str) -> FakeManager:
        """Let a Worker of the live code tell what it has imported, and a successor be ready for it."""
        live = self.book.live
        message = imported("numpy", generation=live, environment={**environment})
        assert not self.tells(FakeWorkerRecord(self.managers[-1], live, ready=True), message)
        await passes(CALM)
        manager = self.managers[-1]
        assert manager.received(Preload)
        self.supervisor.pool.on_preload_report(manager.number, messages.PreloadDone(Report(1, 80.0)))
        return manager

    async def inherited(self, **environment: str) -> FakeWorkerRecord:
        """Let the next candidate boot in such a one; return its Worker."""
        manager = await self.prepared(**environment)
        return FakeWorkerRecord(manager, self.save(NEW))

    def manager(self, worker: FakeWorkerRecord) -> FakeManager:
        """Return the Manager that has forked a Worker."""
        return next(each for each in self.managers if each.number == worker.manager)

    @property
    def notices(self) -> list[str]:
        """The reports to the user."""
        return [event.text for event in self.supervisor.events if isinstance(event, Notice)]


scene = on_a_clock(BootPolicyHarness)


def newest(manager: FakeManager) -> Reload:
    """Return the last candidate that a Manager was to boot."""
    order = manager.received(Reload)[-1]
    assert isinstance(order, Reload)
    return order


@scene
async def test_the_manager_that_has_the_live_code_gets_what_has_changed(scene: BootPolicyHarness) -> None:
    """A save of one file sends one file; a template is no module and causes the reload only."""
    scene.save(NEW)
    assert newest(scene.managers[0]) == Reload(2, 1, (NEW,))
    scene.save(Source(PAGE.path, b"2", b""))
    assert newest(scene.managers[0]) == Reload(3, 1, (NEW,))


@scene
async def test_a_link_to_a_folder_that_leads_elsewhere_imports_everything(scene: BootPolicyHarness) -> None:
    """Also one that is gone: other modules may lie behind it. A template may be changed in a copy."""
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, "current")
        os.symlink(folder, link)
        scene.goes_live(scene.save(Source(link, b"2", b"")))
        assert newest(scene.managers[0]).cold == "current has changed"
    scene.save(Source(link, b"", None))
    assert newest(scene.managers[0]).cold == "current has changed"


@scene
async def test_two_candidates_that_no_image_can_be_boot_in_one_manager(
    scene: BootPolicyHarness,
) -> None:
    """Two saves in a row: the second one does not end the Manager that boots the first."""
    found = scene.supervisor
    scene.boots = BootPolicy(
        found.pool, found.send, found.do, found.events.append, scene._stranded, warm=True
    )
    standby = await scene.prepared()
    both = [scene.save(NEW), scene.save(NEWER)]
    assert [newest(scene.managers[0]).generation, newest(scene.managers[0]).elsewhere] == [both[1], True]
    for generation in both:
        scene.boots.left(scene.book.candidate(generation), "a constant")
        assert newest(standby) == Reload(
            generation, 0, (NEW if generation == both[0] else NEWER, BESIDE), cold="a constant"
        )
    assert (standby.fate, scene.managers[-1]) == ("", standby)


@scene
async def test_a_save_that_comes_soon_does_not_end_preloading(scene: BootPolicyHarness) -> None:
    """A copy imports nothing, so what it replaced reports the imports, at the latest when it leaves."""
    scene.goes_live(scene.save(NEW))
    late = FakeWorkerRecord(scene.managers[0], 1, ready=True)
    assert not scene.tells(late, imported("numpy", generation=1))
    await passes(CALM)
    assert scene.managers[-1].received(Preload)


@scene
async def test_after_an_installation_all_is_imported_until_that_is_live(scene: BootPolicyHarness) -> None:
    """An image has what was installed before, also if the first save after it is refused."""
    changed = [True, False, False]
    scene.supervisor.pool._installed.has_changed = lambda: changed.pop(0)  # type: ignore[method-assign]
    scene.save(NEW)
    generation = scene.save(NEWER)
    assert newest(scene.managers[0]).cold == "installed packages have changed"
    scene.goes_live(generation)
    scene.save(NEW)
    assert newest(scene.managers[0]).cold == ""


@scene
async def test_a_template_may_be_changed_in_a_copy(scene: BootPolicyHarness) -> None:
    """No module lies behind it."""
    scene.save(PAGE_2)
    assert newest(scene.managers[0]).cold == ""


@scene
async def test_another_manager_gets_the_whole_snapshot(scene: BootPolicyHarness) -> None:
    """What was not saved must not come from the disk, where it may be broken by now."""
    worker = await scene.inherited()
    assert newest(scene.manager(worker)) == Reload(2, 0, (NEW, BESIDE))


@scene
async def test_until_it_has_the_live_code_it_gets_all_each_time(scene: BootPolicyHarness) -> None:
    """The first candidate there has failed: the next one's base is still elsewhere."""
    worker = await scene.inherited()
    scene.book.on_boot_failed(2, OWN)
    generation = scene.save(NEWER)
    assert newest(scene.manager(worker)) == Reload(3, 0, (NEWER, BESIDE))
    scene.goes_live(generation)
    scene.save(OLD)
    assert newest(scene.manager(worker)) == Reload(4, 3, (OLD,))


@scene
async def test_a_worker_that_is_not_live_is_no_measure_of_what_to_preload(scene: BootPolicyHarness) -> None:
    """Code that may be refused decides nothing, and an orphan's Manager is gone."""
    first = scene.managers[0]
    generation = scene.save(NEW)
    scene.tells(FakeWorkerRecord(first, generation), imported("numpy"))
    orphan = FakeWorkerRecord(None, 1, ready=True)
    assert orphan.orphan
    scene.tells(orphan, imported("numpy"))
    await passes(CALM)
    assert len(scene.managers) == 1


@scene
async def test_what_is_imported_besides_is_preloaded_when_its_code_is_live(scene: BootPolicyHarness) -> None:
    """A candidate that is refused in the end leaves no process behind."""
    worker = await scene.inherited()
    scene.tells(worker, imported("numpy", "pandas"))
    await passes(CALM)
    assert len(scene.managers) == 2
    scene.goes_live(2)
    worker.step("accept")
    assert not scene.tells(worker, imported("numpy", "pandas"))
    await passes(CALM)
    [preload] = scene.managers[2].received(Preload)
    assert [note.name for note in preload.notes] == ["numpy", "pandas"]


@scene
async def test_a_candidate_in_another_environment_begins_again(scene: BootPolicyHarness) -> None:
    """What a module reads at its import is what the app sets now; the half-booted one serves nobody."""
    worker = await scene.inherited(KNOB="one")
    assert not scene.tells(worker, imported(environment={"KNOB": "two"}))
    assert worker.state == "cancelled"
    assert worker.signals == [signal.SIGTERM]
    cold = scene.managers[-1]
    assert not scene.supervisor.pool.is_preloaded(cold.number)
    assert newest(cold) == Reload(2, 0, (NEW, BESIDE))
    assert "KNOB" in scene.notices[-1]
    assert scene.homeless == 1
    assert not scene.tells(worker, imported(environment={"KNOB": "three"}))
    assert len(scene.notices) == 1


@scene
async def test_after_another_environment_preloading_goes_on_with_that(scene: BootPolicyHarness) -> None:
    """The change costs one slower reload."""
    worker = await scene.inherited(KNOB="one")
    scene.tells(worker, imported(environment={"KNOB": "two"}))
    scene.goes_live(2)
    again = await scene.prepared(KNOB="two")
    generation = scene.save(NEWER)
    assert again.ordered == [generation]
    assert not scene.tells(FakeWorkerRecord(again, generation), imported(environment={"KNOB": "two"}))
    assert again.ordered == [generation]


@scene
async def test_a_replacement_in_another_environment_asks_for_a_reload(scene: BootPolicyHarness) -> None:
    """The live code is no candidate that could restart: it is booted again from the disk."""
    worker = await scene.inherited(KNOB="one")
    scene.goes_live(2)
    replacement = FakeWorkerRecord(scene.manager(worker), 2)
    assert scene.tells(replacement, imported(environment={"KNOB": "two"}))
    assert replacement.state != "cancelled"


@scene
async def test_what_a_request_sets_in_the_environment_reloads_nothing(scene: BootPolicyHarness) -> None:
    """It came after all imports of the start: the app's memory is not thrown away for it."""
    worker = await scene.inherited(KNOB="one")
    scene.goes_live(2)
    worker.step("accept")
    assert not scene.tells(worker, imported(environment={"KNOB": "one", "SET_BY_A_VIEW": "1"}))
    assert scene.notices == []
    assert len(scene.managers) == 2


@scene
async def test_a_worker_of_old_code_decides_nothing(scene: BootPolicyHarness) -> None:
    """What the app did before the last save is no reason to reload what it is now."""
    worker = await scene.inherited(KNOB="one")
    scene.goes_live(scene.save(NEWER))
    assert not scene.tells(worker, imported(environment={"KNOB": "two"}))
    assert scene.notices == []


@scene
async def test_a_boot_that_may_have_failed_by_inheritance_is_tried_cold(scene: BootPolicyHarness) -> None:
    """By itself, and it is reported; the Worker that failed counts no more."""
    worker = await scene.inherited()
    assert scene.fails(worker)
    assert worker.state == "cancelled"
    assert newest(scene.managers[-1]) == Reload(2, 0, (NEW, BESIDE))
    assert scene.notices == [
        "generation 2 may have failed because of preloaded modules; retrying without them"
    ]


@scene
async def test_a_boot_that_fails_cold_too_is_refused(scene: BootPolicyHarness) -> None:
    """Each candidate is tried twice at most."""
    worker = await scene.inherited()
    assert scene.fails(worker)
    assert not scene.fails(FakeWorkerRecord(scene.managers[-1], 2))


@scene
async def test_a_boot_that_the_app_itself_fails_is_refused_at_once(scene: BootPolicyHarness) -> None:
    """What was preloaded has nothing to do with it."""
    worker = await scene.inherited()
    assert not scene.fails(worker, OWN)
    assert worker.state != "cancelled"
    assert len(scene.managers) == 2


@scene
async def test_a_boot_without_inheritance_is_refused_at_once(scene: BootPolicyHarness) -> None:
    """A library's error is the app's there."""
    generation = scene.save(NEW)
    assert not scene.fails(FakeWorkerRecord(scene.managers[0], generation))
    assert not scene.fails(FakeWorkerRecord(None, generation))
    assert len(scene.managers) == 1


@scene
async def test_a_boot_that_nobody_needs_any_more_is_not_tried_again(scene: BootPolicyHarness) -> None:
    """Newer code is live, or the candidate was dropped."""
    worker = await scene.inherited()
    scene.goes_live(scene.save(NEWER))
    assert not scene.fails(worker)
    assert len(scene.managers) == 2


@scene
async def test_what_starts_only_cold_switches_preloading_off(scene: BootPolicyHarness) -> None:
    """Else every save would boot twice."""
    worker = await scene.inherited()
    assert scene.fails(worker)
    scene.goes_live(2)
    assert "off for this run" in scene.notices[-1]
    scene.tells(FakeWorkerRecord(scene.managers[-1], 2, ready=True), imported("numpy"))
    await passes(CALM)
    assert len(scene.managers) == 3


@scene
async def test_what_starts_neither_way_leaves_preloading_on(scene: BootPolicyHarness) -> None:
    """A mistake in how a library is called was the app's: after its fix Workers inherit again."""
    worker = await scene.inherited()
    assert scene.fails(worker)
    scene.book.on_boot_failed(2, INSIDE)
    scene.goes_live(scene.save(NEWER))
    again = await scene.prepared()
    generation = scene.save(OLD)
    assert again.ordered == [generation]


@scene
async def test_when_newer_code_is_live_the_elder_lets_its_workers_finish(scene: BootPolicyHarness) -> None:
    """Two Managers are there only as long as both have Workers that are needed."""
    await scene.inherited()
    assert scene.managers[0].received(StandDown) == []
    scene.goes_live(2)
    assert scene.managers[0].received(StandDown) == [StandDown()]
