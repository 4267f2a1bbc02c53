"""Where the milliseconds of a reload went."""

from __future__ import annotations

from devserver.master.reload.timings import Timings


def test_the_steps_add_up_to_the_time_since_the_save_was_noticed() -> None:
    """What is not accounted for is `live`."""
    lines = Timings()
    lines.noticed(1, now=10.0)
    lines.boot(2, 1, {"settle": 5.0, "check": 1.0}, now=10.006)
    lines.step(2, {"fork": 1.0, "import": 2.0, "start": 0.0})
    steps, total = lines.live(2, 1, now=10.010)
    assert steps == {"settle": 5.0, "check": 1.0, "fork": 1.0, "import": 2.0, "start": 0.0, "live": 1.0}
    assert total == 10.0


def test_a_reload_that_no_save_caused_counts_from_its_boot() -> None:
    """A signal at noon is not timed from the last save in the morning."""
    lines = Timings()
    lines.noticed(1, now=10.0)
    lines.boot(2, 1, {}, now=500.0)
    assert lines.live(2, 1, now=500.5) == ({"live": 500.0}, 500.0)
