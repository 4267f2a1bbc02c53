"""An event stream is cut where events end, so that another Worker can go on with it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.master.http.event_stream import MOST_TAIL, EventStream, is_event_stream, seam

BOM = b"\xef\xbb\xbf"


def fed(*chunks: bytes) -> tuple[EventStream, list[bytes]]:
    stream = EventStream()
    return stream, [stream.feed(chunk) for chunk in chunks]


def events(data: bytes) -> list[list[bytes]]:
    """The lines of each whole event, comments left out: by the specification, without regard for cost."""
    found: list[list[bytes]] = [[]]
    for line in re.split(rb"\r\n|\r|\n", data.removeprefix(BOM))[:-1]:
        if not line:
            found.append([])
        elif not line.startswith(b":"):
            found[-1].append(line)
    return [event for event in found[:-1] if event]


def last_id(data: bytes) -> bytes | None:
    """What a browser takes for the last event's id."""
    found = None
    for line in (line for event in events(data) for line in event):
        name, _, value = line.partition(b":")
        if name == b"id" and b"\0" not in value:
            found = value[1:] if value[:1] == b" " else value
    return found


BITS = b"\r|\n|\r\n|\n\n|id|id:|id: |:| |\0|data: x|1|id: 7\n\n|id:8\r\r|: ping\n|event: id\r\n\r\n".split(
    b"|"
)
SOUP = st.lists(st.sampled_from([*BITS, BOM, BOM[:1], BOM[:2]]), max_size=30).map(b"".join)


@given(SOUP, st.lists(st.integers(1, 7), min_size=1))
def test_how_the_bytes_arrive_changes_nothing(data: bytes, sizes: list[int]) -> None:
    """Byte by byte, in pieces or at once: the same is passed on, kept and remembered."""
    once, (passed,) = fed(data)
    pieces = EventStream()
    got, at, turn = b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        got += pieces.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    bytewise, parts = fed(*(data[at : at + 1] for at in range(len(data))))
    assert passed == got == b"".join(parts)
    assert once.last_id == pieces.last_id == bytewise.last_id == last_id(data)
    assert passed + once.rest() == data
    assert got + pieces.rest() == data
    assert once.rest() == b""


@given(SOUP)
def test_what_is_passed_on_ends_where_an_event_ends(data: bytes) -> None:
    """A comment put in after what was passed on changes no event that the client sees."""
    stream, (passed,) = fed(data)
    assert events(passed) == events(data)
    if passed:
        assert events(passed + seam(2) + stream.rest() + b"\n\n") == events(data + b"\n\n")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_passed_on_with_its_empty_line(end: bytes) -> None:
    """The client sees each event as soon as it is whole, whatever ends the lines."""
    event = b"id: 1" + end + b"data: a" + end + end
    stream, passed = fed(event[:-1], event[-1:] + b"data: b")
    assert b"".join(passed) == event
    assert stream.last_id == b"1"
    assert stream.rest() == b"data: b"


def test_a_line_end_that_was_cut_is_one_line_end() -> None:
    """A carriage return ends the event at once; its line feed comes late and ends no second line."""
    stream, passed = fed(b"data: a\r", b"\ndata: b\r\n\r", b"\n", b"data: c\r", b"\n\r", b"\n")
    assert passed == [b"", b"data: a\r\ndata: b\r\n\r", b"\n", b"", b"data: c\r\n\r", b"\n"]
    assert stream.rest() == b""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\n", None),
        (b"id: 1\n", None),
        (b"id: 1\n\n", b"1"),
        (b"id:1\nid:  2\ndata\n\n", b" 2"),
        (b"id: 1\n\ndata: x\n\n", b"1"),
        (b"id: 1\n\nid: 2\ndata: x", b"1"),
        (b"id: 1\n\nid: 2\0\n\n", b"1"),
        (b"id: 1\n\nid:\n\n", b""),
        (b"id: 1\n\nid\n\n", b""),
        (b"id: 1\n\nID: 2\n\n id: 3\n\nid : 4\n\nidea: 5\n\n:id: 6\n\n", b"1"),
        (b"id: a:b\n\n", b"a:b"),
        (BOM + b"id: 1\n\n", b"1"),
        (b"id: 1\n\n" + BOM + b"id: 2\n\n", b"1"),
    ],
)
def test_the_id_is_the_one_that_the_browser_has(data: bytes, expected: bytes | None) -> None:
    """A stream goes on after the event that the client saw last."""
    stream, _ = fed(data)
    assert stream.last_id == expected
    assert stream.has_id is bool(expected)


def test_a_comment_between_events_does_not_wait() -> None:
    """A sign of life reaches the client even if no empty line follows it; within an event it waits."""
    _, passed = fed(b": ping\n", b": pi", b"ng\r", b"\n", b"data: a\n: in it\n", b"\n")
    assert passed == [b": ping\n", b"", b": ping\r", b"\n", b"", b"data: a\n: in it\n\n"]


def test_an_event_that_is_too_long_is_passed_on_and_the_stream_mends_after_it() -> None:
    """A long event is not held in memory; while the client has half of it, the stream cannot be moved."""
    stream = EventStream()
    stream.feed(b"id: 1\n\n")
    half = b"id: 2\ndata: " + b"x" * MOST_TAIL
    assert stream.feed(half) == half
    assert stream.broken
    assert stream.last_id == b"1"
    assert stream.feed(b"yyy\n") == b"yyy\n"
    assert stream.broken
    assert stream.feed(b"\r\ndata: z\n") == b"\r\n"
    assert not stream.broken
    assert stream.last_id == b"2"
    assert stream.rest() == b"data: z\n"


def test_a_long_event_that_is_whole_breaks_nothing() -> None:
    """Only what is not whole counts."""
    event = b"data: " + b"x" * 3 * MOST_TAIL + b"\n\n"
    stream, passed = fed(event)
    assert passed == [event]
    assert not stream.broken


@pytest.mark.parametrize("size", [1000, MOST_TAIL, 10 * MOST_TAIL])
@pytest.mark.parametrize("length", [MOST_TAIL - 4, MOST_TAIL - 3, MOST_TAIL - 2, 3 * MOST_TAIL])
def test_an_id_that_is_too_long_is_no_id(size: int, length: int) -> None:
    """An id that no header could carry is not given back cut, however it came."""
    data = b"id: 1\n\nid:" + b"x" * length + b"\n\n"
    stream, passed = fed(*(data[at : at + size] for at in range(0, len(data), size)))
    assert b"".join(passed) == data
    assert stream.last_id == (b"x" * length if length + 3 <= MOST_TAIL else b"")


def test_a_stream_that_moved_goes_on_with_whole_events() -> None:
    """What the dead Worker had begun is dropped, and a byte order mark is not given twice."""
    stream, passed = fed(BOM + b"id: 1\n\nid: 2\ndata: ha")
    stream.restart_elsewhere()
    passed += [stream.feed(BOM[:2]), stream.feed(BOM[2:] + b"id: 2\n"), stream.feed(b"data: half\n\n")]
    assert passed == [BOM + b"id: 1\n\n", b"", b"", b"id: 2\ndata: half\n\n"]
    assert stream.last_id == b"2"
    assert not stream.broken


def test_the_seam_is_a_comment() -> None:
    """Clients skip the comment that another generation goes on."""
    stream, passed = fed(seam(7))
    assert passed == [b": devserver: the stream goes on with generation 7\n\n"]
    assert stream.last_id is None


@pytest.mark.parametrize(
    ("method", "status", "headers", "expected"),
    [
        ("GET", 200, [(b"content-type", b"text/event-stream")], True),
        ("GET", 200, [(b"Content-Type", b"Text/Event-Stream ; charset=utf-8"), (b"x", b"y")], True),
        ("GET", 200, [(b"content-type", b"text/event-stream"), (b"content-encoding", b"identity")], True),
        ("GET", 200, [(b"content-type", b"text/event-stream"), (b"Content-Encoding", b"gzip")], False),
        ("GET", 200, [(b"content-length", b"5"), (b"content-type", b"text/event-stream")], False),
        ("GET", 200, [(b"content-type", b"text/event-streams")], False),
        ("GET", 200, [], False),
        ("GET", 201, [(b"content-type", b"text/event-stream")], False),
        ("POST", 200, [(b"content-type", b"text/event-stream")], False),
        ("HEAD", 200, [(b"content-type", b"text/event-stream")], False),
    ],
)
def test_only_a_plain_event_stream_is_one(
    method: str, status: int, headers: list[tuple[bytes, bytes]], expected: bool
) -> None:
    """What cannot be asked for again, or is compressed, or has an end, is left alone."""
    assert is_event_stream(method, status, headers) is expected
