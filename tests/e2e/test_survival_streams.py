"""What becomes of an event stream when newer code goes live, and when its Worker dies."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import eventually
from tests.http import EventSource, browsing, events_of
from tests.survivor import open_gate, save, surviving


def numbers_until(source: EventSource, version: int, count: int = 5) -> list[dict[str, Any]]:
    """Return the events up to the `count`th of that version."""
    found: list[dict[str, Any]] = []
    while sum(event["version"] == version for event in found) < count:
        event = source.next()
        assert event, "the stream has ended"
        found.append(json.loads(event["data"]))
    return found


def read_to_the_end(source: EventSource) -> None:
    """Return when the response has ended."""
    while source.next():
        pass


def test_a_stream_with_ids_goes_on_with_the_new_code_in_the_same_response(tmp_path: Path) -> None:
    """No event is lost or doubled over five saves, a comment marks each seam, and versions never go back."""
    with surviving(tmp_path) as server, browsing(server) as client, events_of(client, "/events") as source:
        got = numbers_until(source, 1)
        for version in range(2, 7):
            save(server, version)
            got += numbers_until(source, version)
        assert [event["number"] for event in got] == list(range(1, len(got) + 1))
        versions = [event["version"] for event in got]
        assert versions == sorted(versions)
        assert [event["resumed"] for event in got] == [version > 1 for version in versions]
        assert len([comment for comment in source.comments if "devserver" in comment]) == 5
        assert server.past("lost") == []
        eventually("each seam is reported", lambda: len(server.past("resumed")) == 5)
        assert server.stop() == 0


def test_a_stream_with_ids_survives_its_worker(tmp_path: Path) -> None:
    """The next Worker is asked for what comes after the last whole event."""
    with surviving(tmp_path) as server, browsing(server) as client, events_of(client, "/events") as source:
        got = numbers_until(source, 1)
        [pid] = server.workers().values()
        os.kill(pid, signal.SIGKILL)
        server.wait("worker-ready")
        while not source.comments:
            got += numbers_until(source, 1)
        assert [event["number"] for event in got] == list(range(1, len(got) + 1))
        assert server.stop() == 0


def test_the_old_worker_of_a_stream_that_goes_on_elsewhere_leaves_at_once(tmp_path: Path) -> None:
    """It has nothing to do any more, and a stream delays no new request."""
    with surviving(tmp_path) as server, browsing(server) as client, browsing(server) as other:
        [old] = server.workers()
        with events_of(client, "/events") as source:
            numbers_until(source, 1)
            save(server, 2)
            assert other.get("/version").text == "v2"
            server.wait("worker-exited", worker=old, reason="exit 0")
            numbers_until(source, 2)
        assert server.stop() == 0


def test_a_finite_stream_without_ids_ends_on_the_old_code_and_is_not_repeated(tmp_path: Path) -> None:
    """Tokens of an answer, for example: each comes once."""
    with surviving(tmp_path) as server, browsing(server) as client, events_of(client, "/tokens") as source:
        assert [source.next()["data"] for _ in range(3)] == ["v1 0", "v1 1", "v1 2"]
        eventually("it waits", lambda: "halfway" in server.output())
        save(server, 2)
        open_gate(tmp_path)
        assert [source.next().get("data") for _ in range(4)] == ["v1 3", "v1 4", "v1 5", None]
        assert server.stop() == 0


def test_an_endless_stream_without_ids_is_ended_cleanly_at_its_limit(tmp_path: Path) -> None:
    """An EventSource connects again by itself; the app that does not notice is ended."""
    with surviving(tmp_path, "--stream-limit", "0.2") as server, browsing(server) as client:
        [old] = server.workers()
        with events_of(client, "/endless") as source:
            assert source.next()["data"] == "v1"
            save(server, 2)
            while event := source.next():
                assert event["data"] == "v1"
            server.wait("worker-exited", worker=old, reason="exit 0")
        with events_of(client, "/endless") as source:
            assert source.next()["data"] == "v2"
        assert server.stop() == 0


def test_a_stream_without_ids_is_cut_when_its_worker_dies(tmp_path: Path) -> None:
    """The client can see it, and asks again."""
    with surviving(tmp_path) as server, browsing(server) as client:
        with events_of(client, "/endless") as source:
            source.next()
            [pid] = server.workers().values()
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(httpx.RemoteProtocolError):
                read_to_the_end(source)
        assert client.get("/version").text == "v1"
        assert server.stop() == 0


def test_streams_can_be_closed_instead(tmp_path: Path) -> None:
    """`--streams close` ends each event stream when new code is live."""
    with surviving(tmp_path, "--streams", "close") as server, browsing(server) as client:
        with events_of(client, "/events") as source:
            numbers_until(source, 1)
            save(server, 2)
            while event := source.next():
                assert json.loads(event["data"])["version"] == 1
        assert server.stop() == 0


def test_a_stop_does_not_wait_for_streams(tmp_path: Path) -> None:
    """They are reported at once, and end cleanly."""
    with surviving(tmp_path) as server, browsing(server) as client, events_of(client, "/events") as source:
        numbers_until(source, 1)
        server.process.send_signal(signal.SIGTERM)
        while source.next():
            pass
        assert server.stop() == 0
