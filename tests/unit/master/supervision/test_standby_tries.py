"""How often the next Manager is prepared, and without whom."""

from __future__ import annotations

from devserver.master.supervision.standby import PATIENCE, TRIES
from tests.fakes.clock import clocked, passes
from tests.fakes.standby import StandbyHarness


@clocked
async def test_a_module_that_ends_the_process_is_left_out_of_the_next_try() -> None:
    """A crash at an import costs a process that nobody needs yet; the rest is preloaded all the same."""
    harness = StandbyHarness()
    await harness.prepare("numpy", "grpc", "yaml")
    harness.imports("numpy", "grpc")
    harness.standby.on_exited("SIGSEGV")
    assert len(harness.managers) == 2
    assert harness.names == ["numpy", "grpc", "yaml"]
    assert harness.order.without == (("grpc", "ends the process at its import (SIGSEGV)"),)
    harness.report()
    assert harness.take() is harness.managers[1]


@clocked
async def test_all_that_ended_one_are_left_out() -> None:
    """Each try goes without every culprit found so far."""
    harness = StandbyHarness()
    await harness.prepare("numpy", "grpc", "yaml")
    for module in ("grpc", "yaml"):
        harness.imports(module)
        harness.standby.on_exited("SIGSEGV")
    assert [name for name, _ in harness.order.without] == ["grpc", "yaml"]


@clocked
async def test_a_module_that_hangs_is_left_out_of_the_next_try() -> None:
    """An import that waits for a network that is not there delays nothing but itself."""
    harness = StandbyHarness()
    await harness.prepare("numpy", "hangs")
    harness.imports("numpy", "hangs")
    await passes(PATIENCE - 1)
    assert len(harness.managers) == 1
    await passes(1)
    assert harness.managers[0].fate == "discarded"
    assert len(harness.managers) == 2
    assert dict(harness.order.without) == {"hangs": "takes over 60 s to import"}


@clocked
async def test_the_patience_is_each_trys_own() -> None:
    """The second try is not hurried by what the first has used up."""
    harness = StandbyHarness()
    await harness.prepare("numpy", "grpc")
    harness.imports("grpc")
    await passes(PATIENCE - 1)
    harness.standby.on_exited("SIGSEGV")
    harness.imports("numpy")
    await passes(PATIENCE - 1)
    assert len(harness.managers) == 2
    assert harness.managers[1].fate == ""


@clocked
async def test_one_that_is_ready_may_wait_for_a_save_as_long_as_that_takes() -> None:
    """The author's lunch is no hang."""
    harness = StandbyHarness()
    manager = await harness.ready("numpy")
    await passes(100 * PATIENCE)
    assert harness.take() is manager


@clocked
async def test_what_has_run_in_vain_is_left_out_of_a_new_process() -> None:
    """A thread or a socket that an import has left behind is in none of the Workers."""
    harness = StandbyHarness()
    await harness.prepare("numpy", "sentry_sdk")
    harness.report(sentry_sdk="1 thread at its import")
    assert harness.managers[0].fate == "discarded"
    assert harness.events == []
    assert harness.order.without == (("sentry_sdk", "1 thread at its import"),)
    harness.report(1)
    assert len(harness.events) == 1


@clocked
async def test_it_is_tried_a_few_times_only() -> None:
    """What crashes at every module is given up; more modules are another reason to try."""
    harness = StandbyHarness()
    modules = [f"m{number}" for number in range(TRIES + 3)]
    await harness.prepare(*modules)
    for module in modules[:TRIES]:
        harness.imports(module)
        harness.standby.on_exited("SIGSEGV")
    assert len(harness.managers) == TRIES
    assert harness.standby.manager is None
    await passes(10 * PATIENCE)
    assert harness.take() is None
    await harness.prepare(*modules, "another")
    assert len(harness.managers) == TRIES + 1
    assert len(harness.order.without) == TRIES


@clocked
async def test_one_that_ends_before_it_has_imported_anything_blames_nobody() -> None:
    """It was killed, or never came up: no module is the reason."""
    harness = StandbyHarness()
    await harness.prepare("numpy")
    harness.standby.on_exited("SIGKILL")
    await passes(2 * PATIENCE)
    assert harness.standby.manager is None
    await harness.prepare("numpy", "yaml")
    assert harness.order.without == ()


@clocked
async def test_one_that_ends_while_it_waits_is_prepared_again() -> None:
    """The kill had nothing to do with a module: the one that was imported last is not left out."""
    harness = StandbyHarness()
    await harness.prepare("numpy", "yaml")
    harness.imports("numpy", "yaml")
    harness.report()
    harness.standby.on_exited("SIGKILL")
    assert harness.take() is None
    assert len(harness.managers) == 2
    assert harness.order.without == ()
    harness.report()
    assert harness.take() is harness.managers[1]


@clocked
async def test_one_that_always_ends_while_it_waits_is_given_up() -> None:
    """Memory that is not there is not asked for without end."""
    harness = StandbyHarness()
    await harness.prepare("numpy")
    for _ in range(TRIES):
        harness.report()
        harness.standby.on_exited("SIGKILL")
    assert len(harness.managers) == TRIES
    assert harness.standby.manager is None


@clocked
async def test_without_a_process_for_it_there_is_none() -> None:
    """Workers import by themselves until something new is imported."""
    harness = StandbyHarness()
    harness.fakes.starts = False
    await harness.prepare("numpy")
    assert harness.take() is None
    harness.fakes.starts = True
    await harness.prepare("numpy", "yaml")
    assert len(harness.managers) == 1
