"""Which Manager gets the next candidates, and how one takes another's place, without a process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devserver.common.events import ManagerStarted
from devserver.ipc.messages import (
    Configure,
    ImageState,
    Preload,
    PreloadDone,
    Reload,
    Report,
    Source,
    StandDown,
)
from devserver.master.supervision import site_packages
from devserver.master.supervision.standby import CALM
from tests.fakes.clock import passes, run
from tests.fakes.manager import FakeManager, imported
from tests.fakes.manager_pool import PoolHarness, ServingPool, on_a_clock

scene = on_a_clock(ServingPool)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that installs something."""
    news: list[bool] = []
    monkeypatch.setattr(
        site_packages.SitePackages, "has_changed", lambda _installed: bool(news) and news.pop()
    )
    return lambda: news.append(True)


@scene
async def test_the_first_manager_is_configured_and_serves(scene: ServingPool) -> None:
    """It is told how to fork before anything else, and that nothing has run yet."""
    [first] = scene.managers
    configure = first.sent[0]
    assert isinstance(configure, Configure)
    assert (configure.first_worker, configure.first_boot, configure.worker.notes) == (1, True, True)
    assert first.ordered == [1]
    assert scene.pool.serves
    [started] = scene.events
    assert isinstance(started, ManagerStarted)
    assert not started.standby


@scene
async def test_a_successor_is_prepared_beside_and_unseen(scene: ServingPool) -> None:
    """Until it is ready the next save goes where the last one went."""
    first = scene.managers[0]
    scene.pool.standby.on_imported(imported("numpy"), 400.0)
    await passes(CALM)
    second = scene.managers[1]
    assert [type(message) for message in second.sent] == [Configure, Preload]
    assert second.received(Configure)[0].first_worker > 100
    assert not second.received(Configure)[0].first_boot
    scene.order(2)
    assert (first.ordered, second.ordered) == ([1, 2], [])


@scene
async def test_only_the_manager_that_serves_reports_whether_there_is_an_image(scene: ServingPool) -> None:
    """One that stands down ends its image, and another has one."""
    [first] = scene.managers
    assert scene.pool.on_image_state(first.number, ImageState("exists"))
    scene.pool.standby.on_imported(imported("numpy"), 400.0)
    await passes(CALM)
    second = scene.managers[1]
    scene.pool.on_preload_report(second.number, PreloadDone(Report(1, 80.0)))
    assert scene.pool.take_standby()
    assert not scene.pool.on_image_state(first.number, ImageState("none"))
    assert scene.pool.on_image_state(second.number, ImageState("exists"))


@scene
async def test_one_that_is_ready_gets_the_next_candidate(scene: ServingPool) -> None:
    """It is promoted by a save, not by itself: nothing that runs is touched in between."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    assert (first.ordered, second.ordered) == ([1], [2])
    assert scene.pool.is_preloaded(second.number)
    assert not scene.pool.is_preloaded(first.number)
    assert not scene.pool.knows(1)
    assert scene.pool.knows(2)


@scene
async def test_the_one_before_leaves_when_newer_code_is_live(scene: ServingPool) -> None:
    """Not earlier: if the candidate fails, the live code's Workers must be replaced when they die."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    assert first.received(StandDown) == []
    scene.order(3)
    scene.goes_live(3)
    assert first.received(StandDown) == [StandDown()]
    assert second.received(StandDown) == []
    assert not scene.ends(first)
    assert second.fate == ""
    assert scene.pool.serves


@scene
async def test_numbers_of_workers_are_unique_over_managers(scene: ServingPool) -> None:
    """Whatever the elder forks until it leaves."""
    for names in (["numpy"], ["numpy", "yaml"]):
        manager = await scene.prepared(*names)
        first_worker = manager.received(Configure)[0].first_worker
        assert first_worker > scene.processes.last_worker + 100
        scene.order(scene.live + 1)
        scene.goes_live(scene.live + 1)
        scene.processes.on_worker_forked(first_worker + 950)


@scene
async def test_an_exclusive_candidate_is_for_the_manager_that_has_the_live_workers(
    scene: ServingPool,
) -> None:
    """They must leave first, and only their own Manager sees to that."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    scene.order(3, "exclusive")
    assert (first.ordered, second.ordered) == ([1, 3], [2])
    assert scene.pool.knows(1)


@scene
async def test_the_manager_that_is_replaced_by_an_elder_is_heard_of_to_its_end(scene: ServingPool) -> None:
    """A Worker that it had forked is taken care of when it has ended; until then all goes on."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    scene.order(3, "exclusive")
    assert second.fate == "killed"
    assert not scene.ends(second)
    assert first.fate == ""
    assert scene.pool.knows(3)
    assert not scene.pool.is_home(2)


@scene
async def test_an_exclusive_candidate_ends_older_ones_wherever_they_boot(scene: ServingPool) -> None:
    """One that went live meanwhile would take the port, and older code would be started for ever."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    third = await scene.prepared("numpy", "yaml")
    scene.order(3)
    scene.order(4, "exclusive")
    assert (first.ordered, second.ordered, third.ordered) == ([1, 4], [2], [3])
    assert (first.fate, second.fate, third.fate) == ("", "killed", "killed")


@scene
async def test_an_exclusive_candidate_promotes_nobody(scene: ServingPool) -> None:
    """One that is ready waits for a candidate that may boot beside the others."""
    second = await scene.prepared()
    scene.order(2, "exclusive")
    assert (scene.managers[0].ordered, second.ordered) == ([1, 2], [])
    scene.order(3)
    assert second.ordered == [3]


def test_after_an_installation_nothing_old_is_inherited(
    managers: list[FakeManager], install: Callable[[], None]
) -> None:
    """What waits is ended, and what serves with the old packages is not asked for the new code."""

    async def main() -> None:
        scene = ServingPool(managers)
        second = await scene.prepared()
        scene.order(2)
        scene.goes_live(2)
        third = await scene.prepared("numpy", "yaml")
        install()
        scene.order(3)
        assert third.fate == "discarded"
        cold = managers[-1]
        assert cold not in (second, third)
        assert (cold.ordered, second.ordered) == ([3], [2])
        assert not scene.pool.is_preloaded(cold.number)
        assert second.received(StandDown) == []
        scene.order(4)
        assert cold.ordered == [3, 4]
        scene.goes_live(4)
        assert second.received(StandDown) == [StandDown()]

    run(main())


def test_after_an_installation_a_manager_without_modules_may_go_on(
    managers: list[FakeManager], install: Callable[[], None]
) -> None:
    """It has imported nothing that could be old."""

    async def main() -> None:
        scene = ServingPool(managers)
        second = await scene.prepared()
        install()
        scene.order(2)
        assert second.fate == "discarded"
        assert managers[0].ordered == [1, 2]
        assert len(managers) == 2

    run(main())


@scene
async def test_a_file_that_hides_an_installed_module_is_booted_without_it(scene: ServingPool) -> None:
    """A new numpy.py beside the app is what it imports."""
    second = await scene.prepared("numpy")
    scene.order(2)
    scene.goes_live(2)
    scene.pool.choose("overlap", (Source("/project/pages/numpy.py", b"", b""),))
    assert len(scene.managers) == 2
    scene.pool.choose("overlap", (Source("/project/numpy.py", b"", b""),))
    scene.pool.send(Reload(3, 2, ()))
    assert second.ordered == [2]
    assert scene.managers[-1].ordered == [3]


def test_without_preloading_workers_report_nothing(managers: list[FakeManager]) -> None:
    """`--preload off` costs nothing."""

    async def main() -> None:
        headquarters = PoolHarness(preload=False)
        assert headquarters.pool.launch()
        assert not managers[0].received(Configure)[0].worker.notes
        headquarters.pool.standby.on_imported(imported("numpy"), 400.0)
        await passes(CALM)
        assert len(managers) == 1

    run(main())


@scene
async def test_no_two_managers_give_workers_the_same_number(scene: ServingPool) -> None:
    """Also if the Workers of the one before are not known yet when the next is started."""
    await scene.prepared()
    assert scene.pool.take_standby()
    assert scene.pool.start_cold()
    first, second, third = (manager.received(Configure)[0].first_worker for manager in scene.managers)
    assert (first, second, third) == (1, 1001, 2001)
