"""Which Manager an order goes to, while one takes another's place."""

from __future__ import annotations

from typing import cast

import pytest

from devserver.config import ProcessConfig
from devserver.ipc.messages import (
    BootDone,
    DebuggerState,
    Drop,
    Loaded,
    Reload,
    Source,
    StandDown,
    Stop,
    WorkerIdle,
)
from devserver.master.dispatch.worker import Worker
from devserver.master.supervision.manager_pool import Launcher, ManagerPool
from devserver.master.supervision.site_packages import SitePackages
from devserver.master.supervision.standby import StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord
from tests.fakes.manager import FakeManager, FakeManagers


class Homes:
    """A pool whose first Manager has generation 1, and whose second has got generation 2."""

    def __init__(self) -> None:
        self.workers: dict[int, WorkerRecord] = {}
        self.fakes = FakeManagers()
        standby = StandbyManager(self.fakes.start, self.fakes.do, lambda _event: None, (), ProcessConfig())
        launcher = cast(Launcher, None)  # the pool starts none here
        self.pool = ManagerPool(launcher, self.fakes.do, standby, SitePackages(), self.workers, ())
        self.first = self.promote()
        self.pool.send(Reload(1, 0, ()))
        self.second = self.promote()
        self.pool.send(Reload(2, 0, ()))

    def promote(self) -> FakeManager:
        """Let another Manager serve."""
        number = self.fakes.start()
        assert number is not None
        self.pool.promote(number)
        return self.fakes.all[-1]

    def fork(self, number: int, manager: FakeManager | None) -> None:
        """Let there be a Worker of that number, which this Manager has forked."""
        self.workers[number] = WorkerRecord(cast(Worker, None), None if manager is None else manager.number)


def relieved() -> tuple[ManagerPool, FakeManager, FakeManager]:
    """Return a pool whose first Manager has generation 1, and whose second has got generation 2."""
    homes = Homes()
    return homes.pool, homes.first, homes.second


def stood_down(*managers: FakeManager) -> list[bool]:
    """Return which of these were ordered to stand down."""
    return [bool(manager.received(StandDown)) for manager in managers]


def test_a_candidate_is_ordered_of_the_manager_that_serves_only() -> None:
    """No generation boots twice."""
    _, first, second = relieved()
    assert (first.ordered, second.ordered) == ([1], [2])


def test_a_drop_goes_to_the_manager_that_boots_it() -> None:
    """A dropped candidate is ended by the Manager that boots it, even if another serves by now."""
    pool, first, second = relieved()
    pool.send(Drop(1))
    assert first.received(Drop) == [Drop(1)]
    assert second.received(Drop) == []


def test_a_drop_of_what_nobody_has_is_not_sent() -> None:
    """Its Manager has ended: there is nothing to end any more."""
    pool, first, second = relieved()
    pool.remove(first.number, "SIGKILL")
    pool.send(Drop(1))
    pool.send(Drop(9))
    assert first.received(Drop) == second.received(Drop) == []


def test_a_late_import_is_reported_to_everybody() -> None:
    """The Manager that starts the next Worker has the file."""
    pool, first, second = relieved()
    loaded = Loaded(1, 1, Source("/lazy.py", b"1", b""))
    pool.send(loaded)
    assert first.received(Loaded) == second.received(Loaded) == [loaded]


@pytest.mark.parametrize("news", [BootDone(1, 1, ()), WorkerIdle(1), DebuggerState(True, 1)])
def test_news_of_a_worker_goes_to_the_manager_that_has_forked_it(
    news: BootDone | WorkerIdle | DebuggerState,
) -> None:
    """An elder hears of its own Workers until the last has left."""
    homes = Homes()
    homes.fork(1, homes.first)
    homes.fork(1001, homes.second)
    homes.pool.send(news)
    assert homes.first.received(type(news)) == [news]
    assert homes.second.received(type(news)) == []


def test_news_of_a_worker_that_has_left_or_is_nobodys_is_kept_from_all() -> None:
    """It is late, and no Manager must take it for news of another."""
    homes = Homes()
    homes.fork(1, None)
    homes.pool.send(WorkerIdle(7))
    homes.pool.send(WorkerIdle(1))
    assert homes.first.received(WorkerIdle) == homes.second.received(WorkerIdle) == []


def test_an_elder_is_outlived_once_newer_code_is_live_elsewhere() -> None:
    """Until then it must be able to start the live code again."""
    pool, first, second = relieved()
    pool.on_code_live(1)
    assert stood_down(first, second) == [False, False]
    pool.on_code_live(2)
    assert stood_down(first, second) == [True, False]


def test_the_manager_that_serves_is_never_outlived() -> None:
    """It gets the next candidates, whatever is live."""
    homes = Homes()
    pool, first, second = homes.pool, homes.first, homes.second
    third, fourth = homes.promote(), homes.promote()
    pool.on_code_live(2)
    assert stood_down(first, second, third, fourth) == [True, False, True, False]
    pool.on_code_live(3)
    assert stood_down(first, second, third, fourth) == [True, True, True, False]
    assert pool.elders == [first.number, second.number, third.number]


def test_an_elder_with_a_younger_candidate_stays() -> None:
    """It boots what may be live next."""
    homes = Homes()
    pool, first, second, third = homes.pool, homes.first, homes.second, homes.promote()
    pool.send(Reload(3, 0, ()))
    pool.on_code_live(2)
    assert stood_down(first, second, third) == [True, False, False]
    pool.on_code_live(3)
    assert stood_down(first, second, third) == [True, True, False]


def test_a_generation_whose_manager_has_ended_is_nowhere_at_home() -> None:
    """Its snapshot ended with it: a boot on top of it is sent every file."""
    pool, first, second = relieved()
    assert pool.home(1) == first.number
    pool.remove(first.number, "SIGKILL")
    assert pool.home(1) is None
    assert pool.all == [second.number]
    pool.remove(second.number, "SIGKILL")
    assert pool.serving is None
    assert pool.all == []


def test_the_end_of_one_that_is_in_no_place_changes_nothing() -> None:
    """One that was put aside leaves later than its successor has come."""
    pool, first, second = relieved()
    pool.remove(9, "SIGKILL")
    assert pool.all == [first.number, second.number]


def test_an_elder_serves_again_when_it_is_recalled() -> None:
    """An exclusive candidate is for the Manager whose Workers are in its way."""
    pool, first, second = relieved()
    assert pool.recall(1) == second.number
    assert pool.all == [first.number]
    pool.send(Reload(3, 1, ()))
    assert first.ordered == [1, 3]


def test_the_manager_that_serves_need_not_be_recalled() -> None:
    """Nobody is replaced, and nobody is lost."""
    pool, first, second = relieved()
    assert pool.recall(2) is None
    assert pool.recall(9) is None
    assert pool.all == [first.number, second.number]


def test_what_is_no_order_for_one_of_several_is_a_fault_of_ours() -> None:
    """All are stopped one by one, by name."""
    pool, *_ = relieved()
    with pytest.raises(AssertionError, match="Stop"):
        pool.send(Stop(0))
