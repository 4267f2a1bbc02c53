"""What becomes of the others when a Manager is put aside, dies or is stopped, without a process."""

from __future__ import annotations

import pytest

from devserver.common.events import Notice
from devserver.ipc import messages
from devserver.ipc.messages import Configure, Preload, Reload, Report, StandDown, Stop
from devserver.master.supervision import manager_processes
from devserver.master.supervision.standby import CALM
from tests.fakes.clock import passes
from tests.fakes.manager import FakeManager, imported
from tests.fakes.manager_pool import SAVE, ServingPool, on_a_clock

scene = on_a_clock(ServingPool)


@scene
async def test_to_start_cold_puts_aside_the_manager_that_has_no_live_worker(scene: ServingPool) -> None:
    """The elder keeps what runs; the one that only failed is ended at once, and not missed."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    assert scene.pool.start_cold()
    cold = scene.managers[-1]
    assert second.received(Stop) == [Stop(0)]
    scene.pool.send(Reload(2, 0, ()))
    assert cold.ordered == [2]
    assert not scene.pool.is_home(3)
    assert not scene.ends(second)
    assert first.fate == cold.fate == ""
    scene.goes_live(2)
    assert first.received(StandDown) == [StandDown()]


@scene
async def test_after_a_cold_start_preloading_begins_again(scene: ServingPool) -> None:
    """One boot that had to do without is no reason for all later ones to."""
    await scene.prepared()
    scene.order(2)
    assert scene.pool.start_cold()
    scene.pool.send(Reload(2, 0, ()))
    scene.goes_live(2)
    again = await scene.prepared()
    scene.order(3)
    assert again.ordered == [3]


@scene
async def test_a_cold_start_that_finds_no_process_changes_nothing(scene: ServingPool) -> None:
    """The candidate goes on where it is; it is reported."""
    second = await scene.prepared()
    scene.order(2)

    def full(*_: object) -> FakeManager:
        raise OSError("no more processes")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager_processes, "Manager", full)
        assert not scene.pool.start_cold()
        assert not scene.pool.launch()
    assert second.received(Stop) == []
    assert scene.pool.knows(2)
    assert [event.level for event in scene.events if isinstance(event, Notice)] == ["error"] * 2


@scene
async def test_the_death_of_the_manager_that_serves_asks_for_another(scene: ServingPool) -> None:
    """It is launched and told everything."""
    [first] = scene.managers
    scene.pool.on_lost(first.number)
    assert not scene.pool.serves
    assert scene.ends(first)
    assert not scene.pool.all
    assert scene.pool.is_home(9)
    scene.processes.on_worker_forked(7)
    assert scene.pool.launch()
    assert scene.managers[-1].received(Configure)[0].first_worker == 8
    assert not scene.pool.knows(1)


@scene
async def test_an_elder_with_the_live_code_serves_again_when_its_relief_dies(scene: ServingPool) -> None:
    """Its Workers go on: another Manager would start the live code a second time beside them."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    assert not scene.ends(second)
    assert scene.pool.knows(1)
    assert not scene.pool.is_home(2)
    scene.order(3)
    assert first.ordered == [1, 3]
    scene.goes_live(3)
    assert first.received(StandDown) == []


@scene
async def test_after_the_death_of_one_with_modules_another_is_prepared(scene: ServingPool) -> None:
    """Preloading does not end with it, unsaid, for the rest of the run."""
    second = await scene.prepared()
    scene.order(2)
    scene.goes_live(2)
    assert not scene.ends(scene.managers[0])
    assert scene.ends(second)
    assert scene.pool.launch()
    third = await scene.prepared()
    assert third is scene.managers[3]
    scene.order(3)
    assert third.ordered == [3]


@scene
async def test_an_elder_with_the_live_code_takes_its_relief_along(scene: ServingPool) -> None:
    """The relief cannot start the live code again; the next Manager is told it."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    assert not scene.ends(first)
    assert second.fate == "killed"
    assert scene.ends(second)


@scene
async def test_an_elder_that_has_only_old_code_may_die(scene: ServingPool) -> None:
    """Its Workers are orphans that finish; nobody else is touched."""
    second = await scene.prepared()
    scene.order(2)
    scene.goes_live(2)
    assert not scene.ends(scene.managers[0])
    assert second.fate == ""
    await scene.prepared("numpy", "yaml")
    assert scene.pool.standby.report is not None


@scene
async def test_while_nobody_serves_nobody_is_promoted(scene: ServingPool) -> None:
    """A Manager is on its way and will be told all: two would boot the same code."""
    second = await scene.prepared()
    scene.pool.on_lost(scene.managers[0].number)
    scene.pool.choose("overlap", SAVE)
    assert scene.ends(scene.managers[0])
    scene.pool.choose("overlap", SAVE)
    assert not scene.pool.start_cold()
    assert not scene.pool.all
    assert scene.pool.launch()
    assert scene.managers[-1] is not second
    scene.order(2)
    assert second.ordered == [2]


@scene
async def test_a_successor_that_ends_is_nobodys_loss(scene: ServingPool) -> None:
    """The serving Manager goes on; the next one is tried without the culprit."""
    scene.pool.standby.on_imported(imported("numpy", "grpc"), 400.0)
    await passes(CALM)
    second = scene.managers[-1]
    scene.pool.on_preload_report(second.number, messages.Preloading("grpc"))
    assert not scene.ends(second)
    assert scene.pool.serves
    [preload] = scene.managers[-1].received(Preload)
    assert dict(preload.without).keys() == {"grpc"}


@scene
async def test_messages_of_one_that_was_given_up_are_ignored(scene: ServingPool) -> None:
    """Its report must not make another one ready that still imports."""
    scene.pool.standby.on_imported(imported("numpy"), 400.0)
    await passes(CALM)
    given_up = scene.managers[-1]
    scene.pool.standby.on_imported(imported("numpy", "yaml"), 400.0)
    await passes(CALM)
    scene.pool.on_preload_report(given_up.number, messages.PreloadDone(Report(1, 80.0)))
    assert scene.pool.standby.take() is None


@scene
async def test_a_stop_ends_all_of_them(scene: ServingPool) -> None:
    """The Managers that have Workers get their time; a standby has nothing to finish."""
    first = scene.managers[0]
    second = await scene.prepared()
    scene.order(2)
    third = await scene.prepared("numpy", "yaml")
    scene.pool.stop(5.0, 3.0)
    assert first.received(Stop) == second.received(Stop) == [Stop(5.0)]
    assert third.fate == "discarded"
    await passes(7.9)
    assert first.fate == second.fate == ""
    await passes(0.1)
    assert first.fate == second.fate == "killed"
    assert not scene.ends(second)
    assert scene.pool.all
    assert not scene.ends(first)
    assert not scene.pool.all


@scene
async def test_nobody_is_started_any_more_after_a_stop(scene: ServingPool) -> None:
    """Not for a boot that fails meanwhile, nor for what is imported."""
    scene.pool.stop(5.0, 3.0)
    assert not scene.pool.start_cold()
    scene.pool.standby.on_imported(imported("numpy"), 400.0)
    await passes(CALM)
    assert len(scene.managers) == 1
