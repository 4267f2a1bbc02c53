"""The table of ARCHITECTURE.md: what becomes of a request in flight."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from devserver.master.http.exchange_decisions import (
    InFlight,
    Phase,
    WhenDead,
    WhenLive,
    WhenReturned,
    when_app_returned,
    when_code_is_live,
    when_worker_died,
)

TABLE: list[tuple[str, InFlight, WhenLive, WhenDead, WhenReturned]] = [
    ("a GET", InFlight("unanswered", repeatable=True), "stay", "run again", "answer 500"),
    ("a POST, or a second try", InFlight("unanswered"), "stay", "answer 502", "answer 500"),
    ("being answered", InFlight("answering", repeatable=True), "stay", "truncate", "truncate"),
    ("events with ids", InFlight("streaming", resumable=True), "move", "move", "truncate"),
    ("events without ids", InFlight("streaming"), "end within the limit", "truncate", "truncate"),
    ("moved events", InFlight("streaming", resumable=True, reopening=True), "move", "move", "end"),
    ("answered, the app goes on", InFlight("answered"), "stay", "report what followed", "nothing"),
    ("its client has left", InFlight("left"), "stay", "nothing", "nothing"),
]
EVERY = [
    InFlight(phase, *flags)
    for phase in get_args(Phase)
    for flags in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize(
    ("flight", "live", "dead", "returned"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_the_table(flight: InFlight, live: WhenLive, dead: WhenDead, returned: WhenReturned) -> None:
    """Each row, in the words of its decisions."""
    assert when_code_is_live(flight, close_streams=False) == live
    assert when_worker_died(flight) == dead
    assert when_app_returned(flight) == returned


@pytest.mark.parametrize("flight", EVERY)
def test_newer_code_moves_event_streams_only(flight: InFlight) -> None:
    """A request finishes where it is; `--streams close` ends an event stream at once."""
    stays = when_code_is_live(flight, close_streams=False) == "stay"
    assert stays == (flight.phase != "streaming")
    assert when_code_is_live(flight, close_streams=True) == ("stay" if stays else "end")


@pytest.mark.parametrize("flight", EVERY)
def test_nothing_is_run_twice_that_may_not_be(flight: InFlight) -> None:
    """A client that has seen a part of an answer, or whose request may have had its effect, gets an error."""
    again = when_worker_died(flight) == "run again"
    assert again == (flight.phase == "unanswered" and flight.repeatable)
    if flight.phase == "answering":
        assert when_worker_died(flight) == when_app_returned(flight) == "truncate"


@pytest.mark.parametrize("flight", EVERY)
def test_a_stream_moves_only_between_whole_events(flight: InFlight) -> None:
    """What has no id to go on from is cut where its Worker dies."""
    if flight.phase == "streaming":
        assert when_worker_died(flight) == ("move" if flight.resumable else "truncate")
