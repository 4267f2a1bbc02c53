"""When the next Manager is prepared, for which imports, and until when it is of use."""

from __future__ import annotations

import pytest

from devserver.common.events import Notice, Preloaded
from devserver.ipc import messages
from devserver.ipc.messages import Imported, ModuleNote, Report, Surroundings
from devserver.master.supervision.standby import CALM, PATIENCE, WORTH
from tests.fakes.clock import clocked, passes, run
from tests.fakes.manager import imported
from tests.fakes.standby import StandbyHarness


@clocked
async def test_what_a_worker_has_imported_is_prepared_once_the_news_is_calm() -> None:
    """Several Workers tell the same, and each tells twice: one process is started for all."""
    harness = StandbyHarness()
    harness.standby.on_imported(imported("numpy"), 400.0)
    await passes(CALM * 0.9)
    harness.standby.on_imported(imported("numpy", "yaml"), 400.0)
    harness.standby.on_imported(imported("numpy"), 400.0)
    await passes(CALM * 0.9)
    assert harness.managers == []
    await passes(CALM * 0.1)
    assert len(harness.managers) == 1
    assert harness.names == ["numpy", "yaml"]
    assert (harness.order.own, harness.order.exclude, harness.order.without) == (
        ("/project",),
        ("torch*",),
        (),
    )


@clocked
async def test_it_is_ready_when_it_has_told_what_became_of_it() -> None:
    """Nothing is forked from a process that still imports."""
    harness = StandbyHarness()
    assert harness.take() is None
    await harness.prepare("numpy", "yaml")
    harness.imports("numpy", "yaml")
    assert harness.take() is None
    harness.report()
    [told] = harness.events
    assert isinstance(told, Preloaded)
    assert (told.modules, told.ms, told.cold_ms) == (2, 80.0, 300.0)
    assert harness.take() is harness.managers[0]
    assert harness.take() is None


@clocked
async def test_one_that_was_taken_is_somebody_elses() -> None:
    """It serves now: neither the next preparation nor the patience for this one ends it."""
    harness = StandbyHarness()
    await harness.ready("numpy")
    taken = harness.take()
    assert taken is harness.managers[0]
    await passes(2 * PATIENCE)
    await harness.prepare("numpy", "yaml")
    harness.standby.discard()
    assert harness.managers[0].fate == ""
    assert harness.managers[1].fate == "discarded"


@clocked
async def test_what_is_imported_in_no_time_is_not_worth_a_process() -> None:
    """Neither a bare app gets a second Manager, nor one whose own modules take all the time."""
    harness = StandbyHarness()
    harness.standby.on_imported(imported("yaml", installed_ms=WORTH - 0.1), 400.0)
    harness.standby.on_imported(imported(), 400.0)
    await passes(CALM)
    assert harness.managers == []
    harness.standby.on_imported(imported("yaml", installed_ms=WORTH), WORTH)
    await passes(CALM)
    assert len(harness.managers) == 1


@clocked
async def test_it_takes_no_memory_before_the_first_save_where_an_image_may_serve_that() -> None:
    """It is prepared as soon as code changes, or as no image can be copied."""
    harness = StandbyHarness(warm="auto")
    await harness.prepare("numpy")
    assert harness.managers == []
    harness.standby.stop_deferring()
    await passes(CALM)
    assert harness.names == ["numpy"]
    harness.standby.stop_deferring()
    await passes(CALM)
    assert len(harness.managers) == 1
    harness = StandbyHarness(warm="auto")
    harness.standby.stop_deferring()
    await harness.prepare("numpy")
    assert len(harness.managers) == 1


@clocked
async def test_nothing_is_prepared_when_it_is_switched_off() -> None:
    """`--preload off`, or an app that starts only without."""
    harness = StandbyHarness()
    harness.standby.enabled = False
    await harness.prepare("numpy")
    harness.standby.on_imported_later(imported("numpy"))
    await passes(CALM)
    assert harness.managers == []


@clocked
async def test_what_was_due_is_not_begun_once_it_is_switched_off() -> None:
    """The app has been found to start only without while the news calmed down."""
    harness = StandbyHarness()
    harness.standby.on_imported(imported("numpy"), 400.0)
    harness.standby.enabled = False
    await passes(CALM)
    assert harness.managers == []


@clocked
async def test_the_same_news_prepares_nothing_again() -> None:
    """Every reload of an app that imports what it has imported costs no process."""
    harness = StandbyHarness()
    await harness.ready("numpy", "yaml")
    await harness.prepare("yaml")
    harness.standby.on_imported_later(imported("numpy"))
    await passes(CALM)
    assert len(harness.managers) == 1
    assert harness.managers[0].fate == ""


@clocked
async def test_what_is_imported_besides_is_prepared_with_the_rest() -> None:
    """A new import in the app is preloaded from the next save but one."""
    harness = StandbyHarness()
    await harness.prepare("numpy", KNOB="one")
    harness.report()
    assert harness.take() is not None
    besides = Imported(
        1001,
        2,
        (ModuleNote("numpy", "/n.py", 0), ModuleNote("pandas", "/p.py", 1)),
        (Surroundings(), Surroundings({"KNOB": "two"})),
    )
    harness.standby.on_imported_later(besides)
    await passes(CALM)
    assert harness.names == ["numpy", "pandas"]
    environments = [harness.order.surroundings[note.surroundings].environment for note in harness.order.notes]
    assert environments == [{"KNOB": "one"}, {"KNOB": "two"}]


@clocked
async def test_what_is_imported_besides_renews_one_that_waits() -> None:
    """The one that lacks it is not kept; until the other is ready it is better than none."""
    harness = StandbyHarness()
    waits = await harness.ready("numpy")
    harness.standby.on_imported_later(imported("pandas"))
    assert waits.fate == ""
    assert harness.standby.report is not None
    await passes(CALM)
    assert waits.fate == "discarded"
    assert harness.take() is None
    harness.report()
    assert harness.take() is harness.managers[1]


@clocked
async def test_what_is_imported_besides_nothing_prepares_nothing() -> None:
    """A Worker of a Manager that was given up cannot know what is new."""
    harness = StandbyHarness()
    harness.standby.on_imported_later(imported("pandas"))
    await passes(CALM)
    assert harness.managers == []


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ({}, {}, ()),
        ({"KNOB": "one"}, {"KNOB": "one"}, ()),
        ({"KNOB": "one"}, {"KNOB": "two"}, ("KNOB",)),
        ({"KNOB": "one"}, {}, ("KNOB",)),
        ({}, {"B": "1", "A": "1"}, ("A", "B")),
        ({"KNOB": None}, {}, ("KNOB",)),
    ],
)
def test_variables_that_the_app_sets_otherwise_are_named(
    before: dict[str, str | None], now: dict[str, str | None], changed: tuple[str, ...]
) -> None:
    """A module that has read one at its import is not what it would be now."""

    async def main() -> None:
        harness = StandbyHarness()
        harness.standby.on_imported(imported("numpy", environment=before), 400.0)
        assert harness.standby.surroundings_changed(imported(environment=now)) == changed

    run(main())


@clocked
async def test_a_variable_that_changes_at_each_boot_counts_once() -> None:
    """A port or an id that differs at each start does not switch preloading off."""
    harness = StandbyHarness()
    await harness.prepare("numpy", RUN="1", KNOB="one")
    change = harness.standby.surroundings_changed
    assert change(imported(environment={"RUN": "2", "KNOB": "one"})) == ("RUN",)
    harness.standby.forget()
    await harness.prepare("numpy", RUN="3", KNOB="one")
    assert change(imported(environment={"RUN": "4", "KNOB": "one"})) == ()
    assert change(imported(environment={"RUN": "5", "KNOB": "two"})) == ("KNOB",)


@clocked
async def test_the_environment_after_the_last_import_is_what_is_compared() -> None:
    """What the app set meanwhile and took back is no change."""
    harness = StandbyHarness()
    table = (Surroundings({"TMP": "x"}), Surroundings({"KNOB": "one"}))
    harness.standby.on_imported(
        Imported(1, 1, (ModuleNote("numpy", "/n.py"),), table, last=1, installed_ms=300.0), 400.0
    )
    again = Imported(1001, 2, (), (Surroundings(), *table), last=2)
    assert harness.standby.surroundings_changed(again) == ()


@clocked
async def test_nothing_has_changed_where_nothing_is_known() -> None:
    """The first Worker is the measure."""
    assert StandbyHarness().standby.surroundings_changed(imported(environment={"KNOB": "two"})) == ()


@clocked
async def test_a_module_of_the_apps_own_may_hide_one_that_is_preloaded() -> None:
    """A new yaml.py beside the app is imported, not what was inherited under its name."""
    harness = StandbyHarness()
    assert not harness.standby.is_hidden_by(["yaml"])
    await harness.prepare("numpy", "yaml")
    assert harness.standby.is_hidden_by(iter(["views", "yaml"]))
    assert not harness.standby.is_hidden_by(["views", "numpy.linalg"])


@clocked
async def test_what_is_discarded_is_ended_and_not_prepared_again() -> None:
    """A stop leaves no process behind."""
    harness = StandbyHarness()
    await harness.prepare("numpy")
    harness.imports("numpy")
    harness.standby.discard()
    assert harness.managers[0].fate == "discarded"
    await passes(2 * PATIENCE)
    harness.standby.on_imported(imported("numpy", "yaml"), 400.0)
    harness.standby.discard()
    await passes(2 * PATIENCE)
    assert len(harness.managers) == 1
    assert harness.take() is None


@clocked
async def test_what_is_forgotten_begins_with_what_the_next_worker_imports() -> None:
    """After an installation the same modules are other ones."""
    harness = StandbyHarness()
    ready = await harness.ready("numpy", "yaml")
    harness.standby.forget()
    assert ready.fate == "discarded"
    assert harness.take() is None
    await harness.prepare("numpy")
    assert harness.names == ["numpy"]


def _ready(folder: str, *names: str) -> Imported:
    """Return the notes of an app that changes the folder after its first import."""
    notes = tuple(ModuleNote(name, f"/{name}.py", min(number, 1)) for number, name in enumerate(names))
    table = tuple(Surroundings(conditions={"the working directory": each}) for each in ("/start", folder))
    return Imported(1, 1, notes, table, last=1, installed_ms=300.0)


@clocked
async def test_a_condition_that_an_edit_has_changed_is_prepared_again() -> None:
    """The next cold start has it too, so it is the app's doing: all is preloaded in the new surroundings."""
    harness = StandbyHarness()
    harness.standby.on_imported(_ready("/a", "numpy", "yaml"), 400.0)
    await passes(CALM)
    assert harness.standby.surroundings_changed(_ready("/b")) == ("the working directory",)
    harness.standby.forget()
    harness.standby.on_imported(_ready("/b", "numpy", "yaml"), 400.0)
    await passes(CALM)
    assert harness.names == ["numpy", "yaml"]
    assert harness.standby.surroundings_changed(_ready("/b")) == ()


@clocked
async def test_a_condition_that_differs_by_itself_ends_the_preloading_there() -> None:
    """A folder that is another one at each start: what is imported in it is left to the Workers, and said."""
    harness = StandbyHarness()
    harness.standby.on_imported(_ready("/a", "numpy", "yaml"), 400.0)
    await passes(CALM)
    assert harness.standby.surroundings_changed(_ready("/b")) == ("the working directory",)
    harness.standby.forget()
    harness.standby.on_imported(_ready("/c", "numpy", "yaml"), 400.0)
    await passes(CALM)
    assert harness.names == ["numpy"]
    harness.report()
    assert isinstance(harness.events[-1], Preloaded)
    assert harness.events[-1].ended == "the app has changed the working directory"
    assert harness.standby.surroundings_changed(_ready("/d")) == ()


@clocked
async def test_what_may_be_chance_is_asked_of_another_process() -> None:
    """Values that differ are given to the next try, which knows what to make of them."""
    harness = StandbyHarness()
    await harness.prepare("numpy")
    harness.standby.on_preload_report(messages.PreloadDone(Report(1, 80.0, doubts={"numpy": b"1234"})))
    assert harness.managers[0].fate == "discarded"
    assert harness.order.doubts == {"numpy": b"1234"}
    harness.report()
    assert harness.take() is harness.managers[1]


@clocked
async def test_why_nothing_can_be_preloaded_is_reported_once() -> None:
    """Each reload imports everything: the user knows what for."""
    harness = StandbyHarness()
    hooked = Imported(1, 1, (), (Surroundings(),), reason="the app has changed sys.meta_path")
    for _ in range(2):
        harness.standby.on_imported(hooked, 400.0)
    [told] = harness.events
    assert isinstance(told, Notice)
    assert "sys.meta_path" in told.text
