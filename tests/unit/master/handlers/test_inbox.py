"""What waits on a connection: stamps, framing, order."""

from __future__ import annotations

from devserver.common.framing import Delimited, Lines
from devserver.master.handlers.inbox import Inbox, Item


def taken(inbox: Inbox) -> list[Item]:
    """Take everything that may start."""
    items = []
    while inbox.peek():
        items.append(inbox.pop())
    return items


def test_frames_leave_in_the_order_of_arrival() -> None:
    """Begin, frames, end: as the client did it."""
    inbox = Inbox()
    inbox.arrive(0, "connect")
    inbox.arrive(0, "receive", b"one\ntw")
    inbox.arrive(0, "receive", b"o\n")
    inbox.arrive(0, "close")
    inbox.release(Lines(), lambda stamp: True)
    frames = [Item("receive", b"one"), Item("receive", b"two")]
    assert taken(inbox) == [Item("connect"), *frames, Item("close")]


def test_what_arrived_after_a_save_waits_for_it_and_what_arrived_before_does_not() -> None:
    """The stamp of each piece counts, not the newest one."""
    inbox = Inbox()
    inbox.arrive(0, "receive", b"before\n")
    inbox.arrive(1, "receive", b"after\n")
    inbox.release(Lines(), lambda stamp: stamp < 1)
    assert taken(inbox) == [Item("receive", b"before")]
    assert inbox.holds
    inbox.release(Lines(), lambda stamp: True)
    assert taken(inbox) == [Item("receive", b"after")]


def test_what_waits_for_new_code_is_cut_by_the_new_framing() -> None:
    """A save that changes the protocol holds for the bytes that follow it, and for the tail before it."""
    inbox = Inbox()
    inbox.arrive(0, "receive", b"line\nta")
    inbox.release(Lines(), lambda stamp: True)
    inbox.arrive(1, "receive", b"il;next;")
    inbox.release(Delimited(b";"), lambda stamp: True)
    assert [item.data for item in taken(inbox)] == [b"line", b"tail", b"next"]


def test_nothing_is_cut_while_no_code_runs() -> None:
    """A client that connects before the first good generation waits."""
    inbox = Inbox()
    inbox.arrive(0, "receive", b"hello\n")
    inbox.release(None, lambda stamp: True)
    assert inbox.peek() is None
    assert inbox.size == 6


def test_the_size_is_what_waits_without_the_tail() -> None:
    """Back-pressure counts whole frames; a frame's own maximum bounds the tail."""
    inbox = Inbox()
    inbox.arrive(0, "receive", b"12345\n123")
    inbox.release(Lines(), lambda stamp: True)
    assert inbox.size == 5
    inbox.pop()
    assert inbox.size == 0


def test_a_broken_stream_keeps_its_good_frames_and_reports_the_error() -> None:
    """A frame that is too long ends the connection after what came before it."""
    inbox = Inbox()
    inbox.arrive(0, "receive", b"ok\n" + b"x" * 20)
    inbox.release(Lines(maximum=10), lambda stamp: True)
    assert taken(inbox) == [Item("receive", b"ok")]
    assert inbox.error is not None


def test_frames_are_forgotten_once_the_app_has_closed() -> None:
    """What the client sent after the app's close is for no handler; the end still comes."""
    inbox = Inbox()
    inbox.arrive(0, "receive", b"a\nb\n")
    inbox.release(Lines(), lambda stamp: True)
    assert inbox.discard_frames() == 2
    inbox.arrive(0, "close")
    inbox.release(Lines(), lambda stamp: True)
    assert taken(inbox) == [Item("close")]
