"""What holds however files are saved and undone, boots are slow, fail or are killed, and Managers die."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from devserver.master.reload.commands import Refuse
from tests.fakes.simulation.app_files import (
    FEATURE,
    MAIN,
    PART,
    PATHS,
    STRAY,
    Broken,
    FileText,
    run,
    source,
    text_in,
)
from tests.fakes.simulation.master import SimulatedMaster
from tests.fakes.simulation.processes import SimulatedWorker

PARTS = (PART, STRAY, FEATURE)
FAULTS = st.sampled_from(["", "", "typo", "crash"])
IMPORTS = st.sampled_from([(PART,), (PART,), (PART, STRAY), (FEATURE,), ()])
TRIES = st.sampled_from([(), (STRAY,)])
PACES = st.sampled_from(["alone", "at rest", "with the last", "unread"])
"""How much of a save's consequences has come to an end when the next thing happens."""


class Saves(RuleBasedStateMachine):
    """An author, and a kernel that is slow or kills."""

    @initialize(slots=st.integers(1, 2), owns_port=st.integers(0, 4))
    def begin(self, slots: int, owns_port: int) -> None:
        self.master = SimulatedMaster(slots, owns_port == 0)
        self.versions = 1

    def write(self, path: str, text: FileText | None, pace: str) -> None:
        if text is None:
            self.master.disk.pop(path, None)
        else:
            self.master.disk[path] = text
        self.master.watch.touched(path, joins=pace == "with the last")
        while pace == "alone" and self.master.watch.unread:
            self.master.watch.settle()
        if pace == "at rest":
            self.rests()

    @rule(fault=FAULTS, imports=IMPORTS, tries=TRIES, pace=PACES)
    def saves_main(self, fault: str, imports: tuple[str, ...], tries: tuple[str, ...], pace: str) -> None:
        self.versions += 1
        self.write(MAIN, FileText(self.versions, fault, imports, tries), pace)

    @rule(path=st.sampled_from(PARTS), fault=FAULTS, pace=PACES)
    def saves(self, path: str, fault: str, pace: str) -> None:
        self.versions += 1
        self.write(path, FileText(self.versions, fault), pace)

    @rule(path=st.sampled_from(PATHS), pace=PACES)
    def undoes(self, path: str, pace: str) -> None:
        """The file is again what runs."""
        runs = self.master.book.snapshot.get(path)
        self.write(path, text_in(runs) if runs else None, pace)

    @rule(path=st.sampled_from(PARTS), pace=PACES)
    def deletes(self, path: str, pace: str) -> None:
        self.write(path, None, pace)

    @precondition(lambda self: self.master.watch.unread)
    @rule()
    def settles(self) -> None:
        self.master.watch.settle()

    @rule()
    def asks(self) -> None:
        self.master.apply(self.master.book.on_reload_requested())

    @precondition(lambda self: self.master.watch.survey_due)
    @rule()
    def surveys(self) -> None:
        self.master.watch.survey()

    def booting(self) -> list[SimulatedWorker]:
        workers = self.master.workers.values()
        return [each for each in workers if not (each.exited or each.ready or each.cancelled)]

    @precondition(lambda self: self.booting())
    @rule(data=st.data(), steps=st.integers(1, 2))
    def boots(self, data: st.DataObject, steps: int) -> None:
        process = data.draw(st.sampled_from(self.booting()))
        if not process.imported:
            process.boot()
            steps -= 1
        if steps and not process.exited:
            process.start()

    @rule()
    def the_youngest_boots(self) -> None:
        """The elder ones are slow."""
        for manager in self.master.managers:
            while manager.inbox:
                manager.deliver()
        if booting := self.booting():
            youngest = max(booting, key=lambda process: (process.generation, process.id))
            if not youngest.imported:
                youngest.boot()
            youngest.start()

    @precondition(lambda self: any(not each.exited for each in self.master.workers.values()))
    @rule(data=st.data())
    def dies(self, data: st.DataObject) -> None:
        alive = [each for each in self.master.workers.values() if not each.exited]
        data.draw(st.sampled_from(alive)).exit(9)

    @precondition(lambda self: any(each.ready for each in self.master.workers.values()))
    @rule(data=st.data(), path=st.sampled_from([STRAY, FEATURE]))
    def imports_late(self, data: st.DataObject, path: str) -> None:
        ready = [each for each in self.master.workers.values() if each.ready and not each.exited]
        if ready:
            data.draw(st.sampled_from(ready)).reach(path)

    @precondition(lambda self: any(manager.inbox for manager in self.master.managers))
    @rule(data=st.data(), events=st.integers(1, 10))
    def delivers(self, data: st.DataObject, events: int) -> None:
        manager = data.draw(st.sampled_from([manager for manager in self.master.managers if manager.inbox]))
        for _ in range(events):
            if manager.inbox:
                manager.deliver()

    @precondition(lambda self: self.master.managers)
    @rule(data=st.data())
    def manager_dies(self, data: st.DataObject) -> None:
        self.master.manager_dies(data.draw(st.sampled_from(self.master.managers)))

    @precondition(lambda self: self.master.launching)
    @rule()
    def launches(self) -> None:
        self.master.launch()

    @rule(unfit=st.booleans())
    def preloads(self, unfit: bool) -> None:
        self.master.standby.prepared.append(unfit)

    @rule()
    def rests(self) -> None:
        self.master.settle_everything()
        self.check()

    # what holds when the disk is quiet

    def check(self) -> None:
        master, book = self.master, self.master.book
        assert book.candidates == []
        assert book.pending == {}, "no edit is held for ever"
        outcome = master.outcomes[-1]
        cold: dict[str, bytes] = {}
        try:
            run(MAIN, {path: source(path, text) for path, text in master.disk.items()}, cold)
            starts = True
        except Broken:
            starts = False
        if isinstance(outcome, Refuse):
            assert book.needs_fix
            assert not starts or outcome.generation in master.unlucky or self.is_broken(outcome), (
                "refused, yet it starts"
            )
            return
        assert starts, "what is on the disk cannot start, and nobody says so"
        serving = [each for each in master.workers.values() if each.generation == book.live and each.ready]
        assert serving
        for process in serving:
            assert cold.items() <= process.ran.items(), "what runs is what is on the disk"
            for path, digest in process.ran.items():
                assert source(path, master.disk.get(path)).digest == digest, f"{path} runs as it was"

    def is_broken(self, outcome: Refuse) -> bool:
        """Return whether a file is refused for a typo in it, even if the app could do without the file."""
        main = self.master.disk.get(MAIN)
        return any(
            failure.message == f"typo in {path}" and text.fault == "typo"
            for failure in outcome.failures
            for path, text in self.master.disk.items()
            if outcome.generation == 0 or (main and path in main.tries)
        )

    def teardown(self) -> None:
        """Whatever has happened: the next good save is live."""
        if not hasattr(self, "master"):
            return
        self.master.settle_everything()
        self.check()
        self.versions += 1
        for path in PARTS:
            self.write(path, FileText(self.versions), "with the last")
        self.write(MAIN, FileText(self.versions, "", (PART,)), "with the last")
        self.master.settle_everything()
        self.check()
        outcome = self.master.outcomes[-1]
        assert not isinstance(outcome, Refuse) or outcome.generation in self.master.unlucky


def test_a_slow_boot_does_not_go_live_under_one_that_needs_its_port() -> None:
    """Two Managers had preloaded; the older candidate was slow, the younger one needed the port."""
    saves = Saves()
    saves.begin(slots=1, owns_port=0)
    saves.rests()
    saves.preloads(unfit=False)
    saves.asks()
    saves.preloads(unfit=False)
    saves.saves(path=PART, fault="", pace="with the last")
    saves.settles()
    saves.the_youngest_boots()
    saves.undoes(path=MAIN, pace="at rest")
    saves.teardown()


def test_a_candidate_that_an_image_gives_back_does_not_follow_younger_code() -> None:
    """The younger one boots elsewhere already, and has its edits."""
    saves = Saves()
    saves.begin(slots=1, owns_port=0)
    saves.preloads(unfit=False)
    saves.rests()
    saves.saves_main(fault="", imports=(PART,), pace="alone", tries=())
    saves.undoes(path=MAIN, pace="alone")
    saves.rests()
    saves.teardown()


Saves.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestSaves = Saves.TestCase
