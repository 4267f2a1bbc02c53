"""Framing: the bytes decide where a frame ends, never the pieces in which the network brings them."""

from __future__ import annotations

import struct
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devserver.common.framing import MAXIMUM, Decoder, Delimited, Framing, LengthPrefixed, Lines, Raw, decoder

unhurried = settings(deadline=None)  # a busy machine is no failure
Seen = tuple[list[bytes], str, bytes]

INTEGERS = st.sampled_from([order + code for order in "<>!" for code in "BHIQbhiq"])


def run(framing: Framing, pieces: list[bytes]) -> Seen:
    """Return all frames, the error's text and, where there is none, the tail."""
    cutter = decoder(framing)
    frames = [frame for piece in pieces for frame in cutter.feed(piece)]
    return frames, str(cutter.error or ""), b"" if cutter.error else cutter.tail


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    ends = [0, *sorted(min(position, len(stream)) for position in at), len(stream)]
    return [stream[start:end] for start, end in pairwise(ends)]


def each_byte(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


def fed(framing: Framing, stream: bytes) -> Decoder:
    cutter = decoder(framing)
    cutter.feed(stream)
    return cutter


@st.composite
def delimited_streams(draw: st.DrawFn) -> tuple[Framing, bytes]:
    """Streams over few letters, so that delimiters overlap with themselves and with what surrounds them."""
    maximum = draw(st.integers(1, 12))
    framing = draw(
        st.one_of(
            st.just(Lines(maximum=maximum)),
            st.builds(
                Delimited, st.text("ab", min_size=1, max_size=4).map(str.encode), maximum=st.just(maximum)
            ),
        )
    )
    alphabet = "a\r\n" if isinstance(framing, Lines) else "ab"
    return framing, draw(st.text(alphabet, max_size=60)).encode()


@st.composite
def length_streams(draw: st.DrawFn) -> tuple[Framing, bytes]:
    """Streams of well-formed frames, at times followed by a lying header or by noise."""
    form = draw(INTEGERS)
    offset = draw(st.integers(0, 3))
    field_end = offset + struct.calcsize(form)
    framing = LengthPrefixed(
        format=form,
        offset=offset,
        header=draw(st.none() | st.integers(field_end, field_end + 3)),
        counts_header=draw(st.booleans()),
        strip=draw(st.booleans()),
        maximum=draw(st.integers(field_end + 3, 40)),
    )
    room = framing.maximum - framing.header_size
    bodies = draw(st.lists(st.binary(max_size=room), max_size=6))
    stream = b"".join(packed(framing, body) for body in bodies)
    return framing, stream + draw(st.binary(max_size=30))


def packed(framing: LengthPrefixed, body: bytes) -> bytes:
    length = len(body) + (framing.header_size if framing.counts_header else 0)
    field = struct.pack(framing.format, length)
    return (b"h" * framing.offset + field).ljust(framing.header_size, b"h") + body


@unhurried
@given(st.one_of(delimited_streams(), length_streams()), st.lists(st.integers(0, 120), max_size=12))
def test_any_cut_gives_the_same_frames_and_the_same_error(case: tuple[Framing, bytes], at: list[int]) -> None:
    """However the network cuts a stream, the handler sees the same frames and the client the same error."""
    framing, stream = case
    whole = run(framing, [stream])
    assert run(framing, cut(stream, at)) == whole
    assert run(framing, each_byte(stream)) == whole


@unhurried
@given(st.binary(max_size=200), st.integers(1, 50), st.lists(st.integers(0, 200), max_size=8))
def test_raw_keeps_every_byte_in_frames_of_at_most_the_maximum(
    stream: bytes, maximum: int, at: list[int]
) -> None:
    """Raw hands on what arrives: all of it, in order, in pieces of a bounded size, and nothing empty."""
    frames, error, tail = run(Raw(maximum=maximum), cut(stream, at))
    assert b"".join(frames) == stream
    assert all(0 < len(frame) <= maximum for frame in frames)
    assert (error, tail) == ("", b"")


@unhurried
@given(
    st.lists(
        st.tuples(st.binary(max_size=20).filter(lambda b: b"\n" not in b), st.sampled_from(["\n", "\r\n"]))
    )
)
def test_lines_lose_one_lf_or_crlf(lines: list[tuple[bytes, str]]) -> None:
    """A line arrives without its end; one CR before the LF belongs to the end, another does not."""
    stream = b"".join(line + end.encode() for line, end in lines)
    expected = [(line + end.encode())[:-1].removesuffix(b"\r") for line, end in lines]
    assert run(Lines(), [stream]) == (expected, "", b"")


@unhurried
@given(length_streams(), st.lists(st.binary(max_size=10), max_size=5))
def test_length_prefixed_bodies_arrive_as_sent(
    case: tuple[LengthPrefixed, bytes], bodies: list[bytes]
) -> None:
    """Whatever header a protocol has, each body (or header and body) comes back whole."""
    framing = msgspec.structs.replace(case[0], maximum=64)
    packets = [packed(framing, body) for body in bodies]
    assert run(framing, [b"".join(packets)]) == (bodies if framing.strip else packets, "", b"")


@unhurried
@given(delimited_streams())
def test_a_frame_too_long_is_reported_with_its_first_hopeless_byte(case: tuple[Framing, bytes]) -> None:
    """The error comes as soon as no further byte could save the frame, and not before."""
    framing, stream = case
    cutter = decoder(framing)
    end = framing.delimiter if isinstance(framing, Delimited) else b"\r\n"
    for byte in each_byte(stream):
        cutter.feed(byte)
        rescues = [cutter.tail + end[i:] for i in range(len(end))]
        can_be_saved = any(run(framing, [rescue])[0] for rescue in rescues)
        assert (cutter.error is None) == can_be_saved
        if cutter.error:
            break


def test_empty_frames_are_frames() -> None:
    """An empty line calls the handler with b''."""
    assert run(Lines(), [b"\n\r\n\n"])[0] == [b"", b"", b""]
    assert run(Delimited(b"||"), [b"||a||||"])[0] == [b"", b"a", b""]
    assert run(LengthPrefixed(format="B"), [b"\x00\x00"])[0] == [b"", b""]


def test_the_end_of_a_line_does_not_count_towards_its_maximum() -> None:
    """A line of exactly the maximum is fine with either end, also when its CR and LF come apart."""
    assert run(Lines(maximum=3), [b"abc\r", b"\n", b"abc\n"])[0] == [b"abc", b"abc"]
    assert run(Lines(maximum=3), [b"abcd\n"])[1] != ""
    assert run(Lines(maximum=3), [b"abc\r\r"])[1] != ""


def test_after_an_error_nothing_follows_and_the_broken_frame_is_left() -> None:
    """Frames before the broken one are delivered; it and what follows are not."""
    cutter = decoder(Lines(maximum=4))
    assert cutter.feed(b"ok\ntoo long\nok\n") == [b"ok"]
    assert str(cutter.error) == (
        "a frame is longer than the maximum of 4 bytes without its end b'\\n': it begins with b'too '"
    )
    assert cutter.feed(b"more\n") == []
    assert cutter.tail == b"too long\nok\n"


@pytest.mark.parametrize(
    ("framing", "stream", "says"),
    [
        (LengthPrefixed(), b"\x00\x10\x00\x00", "1048576 where 0 to 1048572"),
        (LengthPrefixed(format="!H", counts_header=True), b"\x00\x01", "1 where 2 to 1048576"),
        (LengthPrefixed(format="!h"), b"\xff\xff", "-1 where 0 to"),
        (LengthPrefixed(format="<Q", counts_header=True), b"\xff" * 8, "18446744073709551615 where 8 to"),
    ],
)
def test_a_lying_length_is_refused_with_its_header(framing: Framing, stream: bytes, says: str) -> None:
    """A length below its header, below zero or over the maximum is an error before any body arrives."""
    assert fed(framing, stream[:-1]).error is None
    assert says in str(fed(framing, stream).error)


def test_a_partial_frame_goes_on_under_another_framing() -> None:
    """When a save changes the protocol, what a client had sent half is not lost."""
    before = fed(LengthPrefixed(), b"\x00\x00\x00\x01!hel")
    assert before.tail == b"hel"
    after = decoder(Lines())
    assert after.feed(before.tail + b"lo\n") == [b"hello"]
    assert fed(Lines(), b"one\ntwo\r").tail == b"two\r"


def test_the_longest_frame_arrives_whole_in_small_pieces() -> None:
    """A client may send a frame of exactly the default maximum, however slowly."""
    for framing, end in ((Lines(), b"\n"), (Delimited(b"--end--"), b"--end--")):
        cutter = decoder(framing)
        piece = b"-" * 64
        for _ in range(MAXIMUM // len(piece)):
            assert cutter.feed(piece) == []
        assert [len(frame) for frame in cutter.feed(end)] == [MAXIMUM]


@pytest.mark.parametrize(
    "framing",
    [
        Raw(maximum=7),
        Lines(),
        Delimited(b"\x00\xff"),
        LengthPrefixed(format="<H", offset=2, header=8, counts_header=True, strip=False),
    ],
)
def test_a_framing_crosses_the_wire_unchanged(framing: Framing) -> None:
    """A Worker tells the Master which protocol its handlers speak."""
    decode = msgspec.msgpack.Decoder[Framing](Framing).decode
    assert decode(msgspec.msgpack.encode(framing)) == framing


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("Lines(maximum=0)", "maximum must be a whole number of bytes, at least 1, not 0"),
        ("Raw(maximum=1e6)", "maximum must be a whole number of bytes"),
        ("Lines(maximum=2**70)", "maximum must be a whole number of bytes"),
        ("Delimited(b'')", "delimiter must be one byte or more, not b''"),
        ("Delimited('|')", "delimiter must be one byte or more, not '|'"),
        ("LengthPrefixed(format='2I')", "format must be one integer"),
        ("LengthPrefixed(format='f')", "format must be one integer"),
        ("LengthPrefixed(format='?')", "format must be one integer"),
        ("LengthPrefixed(format='')", "format must be one integer"),
        ("LengthPrefixed(format='I\\n')", "format must be one integer"),
        ("LengthPrefixed(offset=-1)", "offset must be a whole number of bytes, at least 0"),
        ("LengthPrefixed(offset=2, header=5)", "header must be a whole number of bytes, at least 6, not 5"),
        ("LengthPrefixed(maximum=3)", "a header of 4 bytes exceeds the maximum of 3"),
    ],
)
def test_a_framing_that_cannot_work_is_refused_where_it_is_written(source: str, says: str) -> None:
    """A wrong protocol line in the app fails at import, with one sentence that names the field."""
    names = {"Lines": Lines, "Raw": Raw, "Delimited": Delimited, "LengthPrefixed": LengthPrefixed}
    with pytest.raises(ValueError, match=r"^\w+: [^\n]+$") as caught:
        eval(source, names)
    assert says in str(caught.value)
