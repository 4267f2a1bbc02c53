"""The script at the head's start: where it stands, whatever the page's bytes are and however they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.master.http.refresh.insertion import Insertion

TAG = "<script src=x></script>"
PAGES = [
    # (before the script, after it)
    ("<!doctype html><html><head>", "<title>x</title></head><body>hello</body></html>"),
    ("<!DOCTYPE HTML>\n<HTML LANG=en>\n<HEAD >", "<title>x</title>"),
    ("<!doctype html>", "<title>x</title><p>no head"),
    ("<!doctype html><html>", "<body>no head</body></html>"),
    ("<!doctype html>\n<html>\n  ", "<header>not a head</header>"),
    ("", "just text"),
    ("", "<p>no doctype"),
    ("", "</p>an end tag"),
    ("<!-- <head> --><!doctype html><html><head>", "<title>in a comment</title>"),
    ("<!doctype html><html><!--><head>", "after an empty comment"),
    ("<!doctype html><html><!---><head>", "after another"),
    ("<!doctype html><html><!--x--!><head>", "ended wrongly"),
    ("<!doctype html><html><!--!> <head> --><head>", "not ended by that"),
    ("<!doctype html>", "<script>document.write('<head>')</script><head></head>"),
    ("<html><head>", "<title>one</title></head><head><title>two</title></head>"),
    ('<html data-a=\'>\' data-b=">" c=d\'><head data-x="<head>">', "<meta charset=utf-8>"),
    ('<html ="><head>', "a name that begins so"),
    ("<html lang=><head/>", "<base href=/>"),
    ("<?xml version='1.0'?><!doctype html><html xmlns='x'><head>", "<title>x</title>"),
    ("<!weird ><html><head>", "x"),
    ("<html>", "<heads>"),
    ("", "< head>"),
    ("", "<html"),
    ("<html lang='e", ""),
    ("<!doctype html><!-- not closed <head>", ""),
    ("  \n", ""),
]


def whole(data: bytes, charset: str = "", cuts: list[int] | None = None) -> bytes:
    """Return what comes out when the body comes in these pieces."""
    insertion = Insertion(TAG, charset)
    edges = [0, *sorted({min(cut, len(data)) for cut in cuts or []}), len(data)]
    pieces = [data[left:right] for left, right in pairwise(edges)]
    return b"".join(insertion.feed(piece, True) for piece in pieces) + insertion.feed(b"", False)


@pytest.mark.parametrize(("before", "after"), PAGES)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
def test_the_script_stands_where_the_head_begins(before: str, after: str, mark: str, codec: str) -> None:
    """In the page's own encoding, whether all comes at once or byte by byte."""
    data = (mark + before + after).encode(codec)
    charset = {"utf-8": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16be"}[codec]
    expected = (mark + before + TAG + after).encode(codec)
    assert whole(data, charset) == expected
    assert whole(data, charset, list(range(len(data)))) == expected
    if mark:  # which wins over what the header says
        assert whole(data, "windows-1252", list(range(len(data)))) == expected


@given(
    st.lists(
        st.sampled_from(
            [
                "<",
                "<!",
                "<!--",
                "-",
                "--",
                "-->",
                ">",
                "<html",
                "<head",
                " ",
                "=",
                '"',
                "'",
                "/",
                "x",
                "\ufeff",
            ]
        ),
        max_size=30,
    ),
    st.sampled_from(["latin-1", "utf-8", "utf-16-le"]),
    st.lists(st.integers(0, 200), max_size=20),
)
def test_no_byte_of_the_page_is_lost_or_moved(parts: list[str], codec: str, cuts: list[int]) -> None:
    """Without the script it is what the app sent, and the script's place does not depend on the pieces."""
    data = "".join(parts).encode(codec, "ignore")
    added = whole(data, "utf-16" if codec == "utf-16-le" else "", cuts)
    assert added == whole(data, "utf-16" if codec == "utf-16-le" else "")
    tag = TAG.encode("utf-16-le" if len(added) - len(data) > len(TAG) else "latin-1")
    assert added.count(tag) == 1
    assert added.replace(tag, b"") == data


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=10), st.sampled_from(["", "utf-16"]))
def test_no_byte_of_anything_is_lost(data: bytes, cuts: list[int], charset: str) -> None:
    """Not of what is no text at all."""
    added = whole(data, charset, cuts)
    tags = [TAG.encode(codec) for codec in ("latin-1", "utf-16-le", "utf-16-be")]
    assert data in [added.replace(tag, b"", 1) for tag in tags]


def test_a_page_in_latin_1_is_left_as_it_is() -> None:
    """Bytes that are no UTF-8 pass."""
    assert whole("<p>Grüße".encode("latin-1")) == f"{TAG}<p>Grüße".encode("latin-1")


def test_what_is_streamed_is_not_held_back() -> None:
    """Only the beginning of a tag waits for the rest of its name."""
    insertion = Insertion(TAG, "utf-8")
    assert insertion.feed(b"<!doctype html><!-- a long", True) == b"<!doctype html><!-- a long"
    assert insertion.feed(b" comment --><ht", True) == b" comment -->"
    assert insertion.feed(b"ml lang='e", True) == b"<html lang='e"
    assert insertion.feed(b"n'><head><ti", True) == f"n'><head>{TAG}<ti".encode()
    assert insertion.feed(b"tle>", True) == b"tle>"


def test_a_page_of_50_mb_is_passed_on() -> None:
    """Nothing of it is copied once the head has begun."""
    insertion = Insertion(TAG, "utf-8")
    insertion.feed(b"<!doctype html><head>", True)
    data = bytes(50_000_000)
    assert insertion.feed(data, False) is data
