"""How often the next Manager is prepared, and without whom."""

from __future__ import annotations

from devserver.master.supervision.standby import PATIENCE, TRIES
from tests.unit.clocked import passes
from tests.unit.master.preparing import Rig, clocked


@clocked
async def test_a_module_that_ends_the_process_is_left_out_of_the_next_try() -> None:
    """A crash at an import costs a process that nobody needs yet; the rest is preloaded all the same."""
    rig = Rig()
    await rig.prepare("numpy", "grpc", "yaml")
    rig.imports("numpy", "grpc")
    rig.standby.exited("SIGSEGV")
    assert len(rig.managers) == 2
    assert rig.names == ["numpy", "grpc", "yaml"]
    assert rig.order.without == (("grpc", "ends the process at its import (SIGSEGV)"),)
    rig.report()
    assert rig.standby.take() is rig.managers[1]


@clocked
async def test_all_that_ended_one_are_left_out() -> None:
    """Each try goes without every culprit found so far."""
    rig = Rig()
    await rig.prepare("numpy", "grpc", "yaml")
    for module in ("grpc", "yaml"):
        rig.imports(module)
        rig.standby.exited("SIGSEGV")
    assert [name for name, _ in rig.order.without] == ["grpc", "yaml"]


@clocked
async def test_a_module_that_hangs_is_left_out_of_the_next_try() -> None:
    """An import that waits for a network that is not there delays nothing but itself."""
    rig = Rig()
    await rig.prepare("numpy", "hangs")
    rig.imports("numpy", "hangs")
    await passes(PATIENCE - 1)
    assert len(rig.managers) == 1
    await passes(1)
    assert rig.managers[0].fate == "discarded"
    assert len(rig.managers) == 2
    assert dict(rig.order.without) == {"hangs": "takes over 60 s to import"}


@clocked
async def test_the_patience_is_each_trys_own() -> None:
    """The second try is not hurried by what the first has used up."""
    rig = Rig()
    await rig.prepare("numpy", "grpc")
    rig.imports("grpc")
    await passes(PATIENCE - 1)
    rig.standby.exited("SIGSEGV")
    rig.imports("numpy")
    await passes(PATIENCE - 1)
    assert len(rig.managers) == 2
    assert rig.managers[1].fate == ""


@clocked
async def test_one_that_is_ready_may_wait_for_a_save_as_long_as_that_takes() -> None:
    """The author's lunch is no hang."""
    rig = Rig()
    manager = await rig.ready("numpy")
    await passes(100 * PATIENCE)
    assert rig.standby.take() is manager


@clocked
async def test_what_has_run_in_vain_is_left_out_of_a_new_process() -> None:
    """A thread or a socket that an import has left behind is in none of the Workers."""
    rig = Rig()
    await rig.prepare("numpy", "sentry_sdk")
    rig.report(sentry_sdk="1 thread at its import")
    assert rig.managers[0].fate == "discarded"
    assert rig.told == []
    assert rig.order.without == (("sentry_sdk", "1 thread at its import"),)
    rig.report(1)
    assert len(rig.told) == 1


@clocked
async def test_it_is_tried_a_few_times_only() -> None:
    """What crashes at every module is given up; more modules are another reason to try."""
    rig = Rig()
    modules = [f"m{number}" for number in range(TRIES + 3)]
    await rig.prepare(*modules)
    for module in modules[:TRIES]:
        rig.imports(module)
        rig.standby.exited("SIGSEGV")
    assert len(rig.managers) == TRIES
    assert rig.standby.manager is None
    await passes(10 * PATIENCE)
    assert rig.standby.take() is None
    await rig.prepare(*modules, "another")
    assert len(rig.managers) == TRIES + 1
    assert len(rig.order.without) == TRIES


@clocked
async def test_one_that_ends_before_it_has_imported_anything_blames_nobody() -> None:
    """It was killed, or never came up: no module is the reason."""
    rig = Rig()
    await rig.prepare("numpy")
    rig.standby.exited("SIGKILL")
    await passes(2 * PATIENCE)
    assert rig.standby.manager is None
    await rig.prepare("numpy", "yaml")
    assert rig.order.without == ()


@clocked
async def test_one_that_ends_while_it_waits_is_prepared_again() -> None:
    """Whoever killed it meant no module: what was imported last is not left out."""
    rig = Rig()
    await rig.prepare("numpy", "yaml")
    rig.imports("numpy", "yaml")
    rig.report()
    rig.standby.exited("SIGKILL")
    assert rig.standby.take() is None
    assert len(rig.managers) == 2
    assert rig.order.without == ()
    rig.report()
    assert rig.standby.take() is rig.managers[1]


@clocked
async def test_one_that_always_ends_while_it_waits_is_given_up() -> None:
    """Memory that is not there is not asked for without end."""
    rig = Rig()
    await rig.prepare("numpy")
    for _ in range(TRIES):
        rig.report()
        rig.standby.exited("SIGKILL")
    assert len(rig.managers) == TRIES
    assert rig.standby.manager is None


@clocked
async def test_without_a_process_for_it_there_is_none() -> None:
    """Workers import by themselves until something new is imported."""
    rig = Rig()
    rig.launches = False
    await rig.prepare("numpy")
    assert rig.standby.take() is None
    rig.launches = True
    await rig.prepare("numpy", "yaml")
    assert len(rig.managers) == 1
