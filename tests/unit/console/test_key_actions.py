"""What the console's own keys do."""

from __future__ import annotations

from functools import reduce

import pytest
from rich.text import Text

from devserver.common import events
from devserver.common.events import Event, Listener
from devserver.common.failure import Failure, Place
from devserver.console import browser
from devserver.console.key_actions import KeyActions
from devserver.console.model import Model
from devserver.console.update import apply

BOOM = Failure("request", "ZeroDivisionError", "division by zero", Place("/app/main.py", 3, excerpt="1/0"))
LIVE = events.Live(generation=1, edit=0, steps={}, total_ms=9)
FAILED = events.HandlerFailed(worker=1, connection=0, failure=BOOM, request="GET /boom", status=500)


def after(*news: Event) -> Model:
    return reduce(apply, news, Model(root="/app"))


def pressed(key: str, *news: Event) -> tuple[Model, str]:
    view, entries = KeyActions().press(key, after(*news), 80)
    return view, "\n".join(entry.plain for entry in entries if isinstance(entry, Text))


def test_a_panel_opens_and_closes() -> None:
    """The same key shows and hides; another one changes over."""
    keys, seen = KeyActions(), []
    for key in ("help", "help", "help", "processes", "processes"):
        keys.press(key, Model(), 80)
        seen.append(keys.panel)
    assert seen == ["help", "", "help", "processes", ""]


def test_the_last_error_is_shown_whole() -> None:
    """Why the save does not run, else what failed, else that nothing did."""
    assert pressed("error", LIVE) == (
        after(LIVE),
        "no error since the last save",
    )
    assert "✗ GET /boom ZeroDivisionError: division by zero" in pressed("error", LIVE, FAILED)[1]
    refused = events.Refused(edit=1, generation=2, live=1, file="/app/main.py", line=3, failures=(BOOM,))
    assert "main.py:3" in pressed("error", LIVE, refused)[1]
    answered = events.Request(at=0, method="GET", path="/x", status=500, ms=1)
    told = pressed("error", LIVE, events.Requests(count=1, failed=1, requests=(answered,)))[1]
    assert told == "GET /x 500: the app has answered it by itself"


def test_clearing_takes_the_warning_back() -> None:
    """After `c` the screen is empty and what failed before is not counted any more."""
    keys = KeyActions()
    view, _ = keys.press("clear", after(LIVE, FAILED, FAILED), 80)
    assert keys.clears
    assert view.traffic.failed == 0


def test_an_unknown_key_is_answered_until_the_next() -> None:
    """The hint goes with the next key."""
    view, _ = KeyActions().press("unknown", Model(), 80)
    assert view.unknown_key
    view, _ = KeyActions().press("help", view, 80)
    assert not view.unknown_key


def test_without_a_browser_the_address_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without a desktop `o` starts no browser in the terminal."""
    for name in browser.DESKTOP:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    listening = events.Listening(listeners=(Listener("http", "127.0.0.1", 8000),))
    assert pressed("open", listening)[1] == "no browser can be opened from here: http://127.0.0.1:8000"
    assert pressed("open")[1] == "there is no HTTP address to open yet"
