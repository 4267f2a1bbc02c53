"""The state that pages get."""

from __future__ import annotations

import json
from typing import Any

from devserver.common import events
from devserver.common.failure import Failure, Place
from devserver.master.http.refresh.markup import nodes
from devserver.master.http.refresh.state import MOST_ASSETS, State

BROKEN = Failure("check", "SyntaxError", "invalid syntax", Place("/p/app.py", 3, 7, 8, "def f(:\n  <b>", 3))


def state() -> State:
    """Return what a page finds at first."""
    return State("run", "/p", "/p/index.html")


def told(of: State, *, local: bool = True) -> dict[str, Any]:
    """Return the state as a page reads it."""
    event = of.as_event(local=local)
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert b"\n" not in event[:-2]
    return dict(json.loads(event.removeprefix(b"data: ")))


def live(generation: int, *paths: str) -> events.Live:
    return events.Live(generation=generation, edit=1, steps={}, total_ms=1.0, paths=paths)


def refused(*failures: Failure) -> events.Refused:
    return events.Refused(edit=1, generation=2, live=1, file="/p/app.py", line=3, failures=failures)


def test_code_that_goes_live_is_reported() -> None:
    """The page of an app is outdated then, that beside handlers only if its file was saved."""
    one = state()
    assert one.on_event(live(1))
    assert (told(one)["live"], told(one)["index"]) == (1, 0)
    assert one.on_event(live(2, "/p/index.html"))
    assert (told(one)["live"], told(one)["index"]) == (2, 2)
    assert str(one.stamp(1)) == "run live 1 0"
    assert str(one.stamp(None)) == "run index 2 0"


def test_a_refused_save_is_reported_until_it_is_mended_or_undone() -> None:
    """With the error as elements, never as markup of a source's."""
    one = state()
    for event in (live(2), events.Restored(edit=2, live=1)):
        assert one.on_event(refused(BROKEN))
        shown = told(one)["refused"]
        assert shown["title"] == "app.py:3:7: SyntaxError: invalid syntax"
        assert "  <b>" in json.dumps(shown["body"])
        assert one.on_event(event)
        assert told(one)["refused"] is None


def test_a_browser_elsewhere_learns_that_something_is_wrong() -> None:
    """And nothing of the code."""
    one = state()
    one.on_event(refused(BROKEN))
    assert told(one, local=False)["refused"]["title"] == "the reason is shown where devserver runs."
    assert b"app.py" not in one.as_event(local=False)


def test_assets_are_numbered_and_the_oldest_forgotten() -> None:
    """A page sees by the numbers whether it has missed some."""
    one = state()
    for number in range(MOST_ASSETS + 2):
        assert one.on_event(events.AssetsChanged(paths=(f"/p/static/{number}.css",)))
    assets = told(one)["assets"]
    assert len(assets) == MOST_ASSETS
    assert assets[0] == [3, "static/2.css"]
    assert one.stamp(1).assets == assets[-1][0]


def test_other_events_are_no_news() -> None:
    """They wake no page."""
    assert not state().on_event(events.Stopping(reason="x"))
    assert not state().on_event(events.Output(worker=1, text="x"))


def test_where_handlers_listen_is_reported() -> None:
    """For the page beside them."""
    one = state()
    http = events.Listener("http", "127.0.0.1", 8000)
    assert one.on_event(events.Listening(listeners=(http, events.Listener("tcp", "127.0.0.1", 9502))))
    assert told(one)["tcp"] == "127.0.0.1 9502"
    assert one.on_event(events.Listening(listeners=(http,)))
    assert told(one)["tcp"] == ""


def test_markup_of_ours_as_data() -> None:
    """Elements, attributes, texts; what is escaped is text again."""
    assert nodes('<p class="a">x &lt;b&gt;<b>y</b><br>z</p>t') == [
        ["p", {"class": "a"}, "x <b>", ["b", {}, "y"], ["br", {}], "z"],
        "t",
    ]
