"""What the app sends leaves in order, within the credit."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.ipc.messages import Close, Send
from devserver.worker.run.api import Connection, to_bytes
from devserver.worker.run.outbox import CHUNK, Outbox
from tests.fakes.master_link import FakeMasterLink


def joined(link: FakeMasterLink) -> bytes:
    return b"".join(message.data for message in link.sent if isinstance(message, Send))


def test_a_message_within_the_credit_leaves_at_once() -> None:
    """One message, one Send, an empty one too."""
    link = FakeMasterLink()
    outbox = Outbox(4, 5, link)
    outbox.send(b"hello")
    outbox.send(b"")
    assert link.sent == [Send(4, b"hello"), Send(4, b"")]
    assert outbox.credit == 0


def test_a_long_message_leaves_in_parts() -> None:
    """Each part but the last reports that more follows, so that nothing gets between them."""
    link = FakeMasterLink()
    Outbox(1, 10 * CHUNK, link).send(b"x" * (2 * CHUNK + 1))
    assert [(len(m.data), m.more) for m in link.sent if isinstance(m, Send)] == [
        (CHUNK, True),
        (CHUNK, True),
        (1, False),
    ]


def test_a_coroutine_s_data_waits_for_credit() -> None:
    """What is over the credit stays in the Worker, in order, the close behind it."""
    link = FakeMasterLink()
    outbox = Outbox(1, 3, link)
    outbox.send(b"abcde")
    outbox.send(b"fg")
    outbox.close()
    assert link.sent == [Send(1, b"abc", more=True)]
    outbox.grant(3)
    assert link.sent[1:] == [Send(1, b"de"), Send(1, b"f", more=True)]
    outbox.renew(9)
    assert link.sent[3:] == [Send(1, b"g"), Close(1)]
    assert outbox.credit == 8


def test_a_sync_handler_waits_until_its_data_is_out() -> None:
    """send() comes back when the whole message has left."""
    link = FakeMasterLink(blocks=True)
    outbox = Outbox(1, 2, link)
    link.grants = [lambda: outbox.grant(3), lambda: outbox.grant(4)]
    outbox.send(b"abcdefgh")
    assert joined(link) == b"abcdefgh"
    assert link.grants == []
    assert outbox.credit == 1


def test_nothing_waits_once_the_master_has_left() -> None:
    """What no client can get any more is let go."""
    link = FakeMasterLink()
    outbox = Outbox(1, 0, link)
    outbox.send(b"abc")
    outbox.release()
    outbox.send(b"def")
    assert joined(link) == b"abcdef"


@given(
    st.lists(st.binary(max_size=20), max_size=10),
    st.lists(st.integers(1, 15), max_size=30),
    st.integers(0, 20),
)
def test_no_byte_leaves_without_credit(messages: list[bytes], grants: list[int], window: int) -> None:
    """Whatever the sizes: the bytes come in order, never more of them than was granted."""
    link = FakeMasterLink()
    outbox = Outbox(1, window, link)
    for message in messages:
        outbox.send(message)
    allowed = window
    for size in grants:
        assert len(joined(link)) <= allowed
        outbox.grant(size)
        allowed += size
    whole = b"".join(messages)
    assert joined(link) == whole[:allowed]
    if allowed >= len(whole):
        assert sum(not m.more for m in link.sent if isinstance(m, Send)) == len(messages)


def test_drain_waits_for_what_was_sent_before_it() -> None:
    """A coroutine can wait for its own data, without waiting for what others send later."""

    async def scenario() -> None:
        link = FakeMasterLink()
        outbox = Outbox(1, 0, link)
        await outbox.drained()
        outbox.send(b"abc")
        drained = asyncio.ensure_future(outbox.drained())
        await asyncio.sleep(0)
        outbox.send(b"later")
        outbox.grant(2)
        await asyncio.sleep(0)
        assert not drained.done()
        outbox.grant(1)
        await asyncio.wait_for(drained, 10)
        assert joined(link) == b"abc"

    asyncio.run(scenario())


def test_conns_of_one_client_are_equal() -> None:
    """A conn kept in a set is found again, whatever unit it came with."""
    link = FakeMasterLink()
    one, same, other = (
        Connection(Outbox(number, 9, link), ("::1", 1), "tcp", None)  # type: ignore[arg-type]
        for number in (1, 1, 2)
    )
    assert one == same
    assert one != other
    assert one != 1
    assert len({one, same, other}) == 2
    assert repr(one) == "<conn 1 tcp ::1:1>"


def test_what_is_sent_is_text_or_bytes() -> None:
    """Text is UTF-8; anything else is an error at once."""
    link = FakeMasterLink()
    conn = Connection(Outbox(1, 99, link), ("::1", 1), "tcp", None)  # type: ignore[arg-type]
    for data in (b"a", "é", bytearray(b"b"), memoryview(b"c")):
        conn.send(data)
    assert joined(link) == b"a\xc3\xa9bc"
    with pytest.raises(TypeError, match="bytes or str, not int"):
        to_bytes(3)  # type: ignore[arg-type]
