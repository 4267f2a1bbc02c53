"""What goes out to one client."""

from __future__ import annotations

from devserver.master.handlers.outbox import Outbox


def test_a_message_in_parts_is_not_mixed_with_another() -> None:
    """A broadcast waits for the end of a long answer."""
    outbox = Outbox(limit=100)
    assert outbox.send(1, b"be", more=True) == [b"be"]
    assert outbox.broadcast(b"all") == []
    assert outbox.send(2, b"other", more=True) == []
    assert outbox.send(1, b"gin", more=False) == [b"gin", b"all", b"other"]
    assert outbox.broadcast(b"late") == []
    assert outbox.send(2, b"end", more=False) == [b"end", b"late"]


def test_a_client_that_does_not_read_misses_broadcasts() -> None:
    """One stuck client costs no memory and stops no other client."""
    outbox = Outbox(limit=100, paused=True)
    assert outbox.broadcast(b"all") is None


def test_credit_is_due_once_the_client_has_taken_what_was_sent() -> None:
    """A Worker with a long answer runs at the client's speed."""
    outbox = Outbox(limit=100)
    outbox.send(1, b"x" * 100, more=True)
    outbox.paused = True
    assert outbox.credit(1) == 0
    outbox.paused = False
    assert outbox.credit(1) == 100
    assert outbox.credit(1) == 0


def test_the_death_of_a_worker_ends_its_message() -> None:
    """Others are not kept waiting for a rest that never comes."""
    outbox = Outbox(limit=100)
    outbox.send(1, b"be", more=True)
    outbox.broadcast(b"all")
    assert outbox.on_worker_died(1) == (True, [b"all"])
    assert outbox.on_worker_died(1) == (False, [])


def test_the_death_of_a_worker_forgets_its_message_that_waits_for_its_turn() -> None:
    """What is whole still goes out; a beginning without an end keeps no client waiting."""
    outbox = Outbox(limit=100)
    outbox.send(1, b"be", more=True)
    outbox.send(2, b"whole", more=False)
    outbox.send(2, b"half", more=True)
    assert outbox.on_worker_died(2) == (True, [])
    assert outbox.send(1, b"gin", more=False) == [b"gin", b"whole"]
    assert outbox.broadcast(b"all") == [b"all"]
