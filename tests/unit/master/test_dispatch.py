"""Who gets the next unit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from devserver.master.dispatch import Dispatch, Seat


@dataclass
class Waiting:
    """A connection, as far as dispatch cares."""

    queued: bool = False


def office(*seats: Seat, live: int = 1) -> Dispatch[Waiting]:
    """Return a dispatch with these Workers."""
    return Dispatch(live=live, seats={seat.worker: seat for seat in seats})


def test_the_least_busy_worker_is_chosen() -> None:
    """Two Workers share the work."""
    busy, idle = Seat(1, 1, 0, ready=True, running=3), Seat(2, 1, 0, ready=True, running=1)
    assert office(busy, idle).choose() is idle


def test_a_worker_gets_no_more_than_its_capacity() -> None:
    """What does not fit stays in the Master, where no death can lose it."""
    assert office(Seat(1, 1, 1, ready=True, running=1)).choose() is None


def test_only_ready_workers_of_the_live_generation_get_work() -> None:
    """Old code, code that boots and Workers that leave get nothing."""
    seats = [Seat(1, 1, ready=True), Seat(2, 2), Seat(3, 2, ready=True, leaving=True)]
    assert office(*seats, live=2).choose() is None


def test_waiting_is_first_come_first_served_and_nobody_waits_twice() -> None:
    """A connection that is offered again keeps its place."""
    first, second = Waiting(), Waiting()
    desk = office(Seat(1, 1, 0, ready=True))
    for waiter in (first, second, first):
        desk.wait(waiter)
    order = [desk.next(), desk.next(), desk.next()]
    assert [found[0] if found else None for found in order] == [first, second, None]


def test_work_never_goes_back_to_an_older_generation() -> None:
    """Once new code has worked, old code must not."""
    old, new = Seat(1, 1, ready=True), Seat(2, 2, ready=True)
    desk = office(old, new, live=2)
    desk.take(new)
    with pytest.raises(AssertionError, match="never back"):
        desk.take(old)


def test_a_clogged_worker_gets_nothing_until_it_answers() -> None:
    """A Worker that does not read its lane cannot fill the Master's memory."""
    seat = Seat(1, 1, 0, ready=True, running=1, clogged=True)
    desk = office(seat)
    assert desk.choose() is None
    desk.give_back(seat)
    assert desk.choose() is seat
