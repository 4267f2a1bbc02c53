"""One WebSocket over reloads and deaths, as a playbook of events and commands."""

from __future__ import annotations

import pytest

from devserver.master.http.websocket_commands import (
    AcceptClient,
    CloseClient,
    Deliver,
    DetachRun,
    Lost,
    Offer,
    Remember,
)
from devserver.master.http.websocket_session import MOST_DEATHS
from tests.unit.master.http.websocket_sessions import (
    RESTART,
    client_sends,
    given_up,
    opened,
    resumed,
    session,
)

# newer code


def test_newer_code_gets_what_the_old_code_has_not_taken() -> None:
    """In order, once; the client sees no second handshake."""
    found = opened()
    for text in (b"a", b"b"):
        client_sends(found, text)
    assert found.on_app_received() == []
    assert found.on_code_live() == [DetachRun()]
    assert client_sends(found, b"c") == []
    assert found.on_app_sent(), "what is in hand may finish"
    assert found.on_app_returned(failed=False) == [Offer(resumed=True)]
    assert found.on_run_started() == [Deliver(b"b", True), Deliver(b"c", True)]
    assert found.on_app_accepted(None, []) == []
    assert found.phase == "open"


def test_a_message_taken_as_the_end_was_told_is_not_given_again() -> None:
    """The old code's word that it has taken one may be late."""
    found = opened()
    client_sends(found, b"a")
    found.on_code_live()
    assert found.on_app_received() == []
    found.on_app_returned(failed=False)
    assert found.on_run_started() == []


def test_a_second_reload_while_the_old_run_ends_changes_nothing() -> None:
    """One end, one beginning."""
    found = opened()
    assert found.on_code_live() == [DetachRun()]
    assert found.on_code_live() == []
    assert found.on_app_returned(failed=True) == [Offer(resumed=True)]
    assert found.on_code_live() == []


def test_a_reload_before_the_resumed_run_has_accepted_moves_it_on() -> None:
    """Saves in quick succession end at the newest code."""
    found = opened()
    found.on_code_live()
    found.on_app_returned(failed=False)
    client_sends(found, b"a")
    assert found.on_run_started() == [Deliver(b"a", True)]
    assert found.on_code_live() == [DetachRun()]
    assert found.on_app_accepted(None, []) == []
    assert found.on_app_returned(failed=False) == [Offer(resumed=True)]
    assert found.on_run_started() == [Deliver(b"a", True)]


@pytest.mark.parametrize("subprotocol", [None, "graphql-ws"])
def test_a_conversation_that_cannot_go_on_is_asked_to_reconnect(subprotocol: str | None) -> None:
    """1012 and an end for the old run, be it by the settings or by a subprotocol."""
    found = session(resumable=subprotocol is not None)
    found.on_app_accepted(subprotocol, [])
    assert found.on_code_live() == [RESTART, DetachRun()]
    assert found.on_app_returned(failed=False) == []


def test_a_subprotocol_accepted_by_outdated_code_is_asked_to_reconnect() -> None:
    """The handshake is answered first, then the connection is closed with 1012."""
    found = session()
    found.on_code_live()
    assert found.on_app_accepted("mqtt", []) == [AcceptClient("mqtt", []), RESTART, DetachRun()]


# deaths


def test_a_death_loses_the_message_in_hand_and_no_other() -> None:
    """It is named; the next Worker gets the rest."""
    found = opened()
    for text in (b"a", b"b"):
        client_sends(found, text)
    found.on_app_received()
    assert found.on_worker_died("killed") == [Lost("the message in hand", "killed"), Offer(resumed=True)]
    assert found.on_run_started() == [Deliver(b"b", True)]


def test_a_message_that_was_answered_is_not_lost() -> None:
    """The answer shows that it was handled."""
    found = opened()
    client_sends(found, b"a")
    found.on_app_received()
    found.on_app_sent()
    assert found.on_worker_died("killed") == [Offer(resumed=True)]


def test_a_death_of_what_cannot_go_on_asks_the_client_to_reconnect() -> None:
    """There is no old run that could be told."""
    assert opened(resumable=False).on_worker_died("killed") == [RESTART]


def test_a_death_while_the_old_run_ends_is_its_end() -> None:
    """The new code goes on."""
    found = opened()
    found.on_code_live()
    assert found.on_worker_died("killed") == [Offer(resumed=True)]


# what a resumed run may not do


@pytest.mark.parametrize(("failed", "did"), [(False, "returned"), (True, "raised")])
def test_a_resumed_run_that_ends_at_the_first_message_ends_as_under_uvicorn(failed: bool, did: str) -> None:
    """No closing handshake; others of this path are not resumed by that code."""
    found = resumed()
    client_sends(found, b"a")
    found.on_app_received()
    assert found.on_app_returned(failed) == [Remember(f"{did} at the first message"), CloseClient(0)]


@pytest.mark.parametrize(("failed", "did"), [(False, "returned"), (True, "raised")])
def test_a_resumed_run_that_ends_unasked_wanted_a_beginning(failed: bool, did: str) -> None:
    """The client has done nothing: it reconnects, and gets one."""
    assert resumed().on_app_returned(failed) == given_up(f"{did} before a message had come")


def test_a_resumed_run_that_does_not_accept_is_given_up() -> None:
    """A refusal has no code that an open connection could be closed with."""
    found = opened()
    found.on_code_live()
    found.on_app_returned(failed=False)
    found.on_run_started()
    assert found.on_app_closed(1006, "") == given_up("refused it")


def test_the_apps_own_code_goes_to_the_client() -> None:
    """At the first message or before it; the path is remembered, for a token may be missing."""
    found = resumed()
    client_sends(found, b"a")
    found.on_app_received()
    assert found.on_app_closed(4001, "signed out") == [
        Remember("closed it with 4001 at the first message"),
        CloseClient(4001, "signed out"),
    ]
    assert resumed().on_app_closed(1008, "no token") == [
        Remember("closed it with 1008 before a message had come"),
        CloseClient(1008, "no token"),
    ]


@pytest.mark.parametrize("code", [1000, 1001])
def test_a_goodbye_at_the_first_message_is_nothing_to_remember(code: int) -> None:
    """A client that says bye is answered with a close."""
    found = resumed()
    client_sends(found, b"bye")
    found.on_app_received()
    assert found.on_app_closed(code, "") == [CloseClient(code)]


def test_an_app_that_never_answers_goes_on_well_once_it_has_taken_more() -> None:
    """It only listens: its close at the second message has nothing to do with the reload."""
    found = resumed()
    for text in (b"a", b"b"):
        client_sends(found, text)
        found.on_app_received()
    assert found.on_app_closed(4000, "enough") == [CloseClient(4000, "enough")]


def test_a_close_that_crosses_with_the_next_reload_is_the_apps_own_too() -> None:
    """It was sent before the app was ordered to end."""
    found = resumed()
    assert found.on_code_live() == [DetachRun()]
    assert found.on_app_closed(1008, "no token")[-1] == CloseClient(1008, "no token")
    assert found.on_app_returned(failed=False) == []


def test_a_refusal_that_crosses_with_the_next_reload_is_void() -> None:
    """The newest code is asked, and may go on."""
    found = resumed()
    assert found.on_code_live() == [DetachRun()]
    assert found.on_app_closed(1006, "") == []
    assert found.on_app_returned(failed=False) == [Offer(resumed=True)]


def test_what_the_live_code_does_not_go_on_with_is_asked_to_reconnect() -> None:
    """After another connection of this path could not be resumed; after newer code it is tried again."""
    barred = False
    found = opened()
    found.barred = lambda: barred
    assert found.on_code_live() == [DetachRun()]
    barred = True
    client_sends(found, b"a")
    client_sends(found, b"b")
    reason = "its connection was closed with 1012 before the app had taken it"
    assert found.on_app_returned(failed=False) == [Lost("2 messages", reason), RESTART]


# what is dropped with a close


REASON = "its connection was closed with 1012 before the app had taken it"


def test_messages_that_were_held_are_reported_once_nobody_can_take_them() -> None:
    """The old run may take some of them between the close and its end; those are not lost."""
    found = opened(resumable=False)
    for text in (b"a", b"b", b"c"):
        client_sends(found, text)
    assert found.on_code_live() == [RESTART, DetachRun()]
    assert found.on_app_received() == []
    assert found.on_app_returned(failed=False) == [Lost("2 messages", REASON)]


def test_a_death_after_the_close_loses_what_was_held_and_what_was_in_hand() -> None:
    """Both are named."""
    found = opened(resumable=False)
    for text in (b"a", b"b"):
        client_sends(found, text)
    found.on_app_received()
    assert found.on_code_live() == [RESTART, DetachRun()]
    assert found.on_worker_died("killed") == [
        Lost("the message in hand", "killed"),
        Lost("a message", REASON),
    ]


def test_a_death_of_what_cannot_go_on_shows_what_was_held() -> None:
    """No run is left that could take it."""
    found = opened(resumable=False)
    client_sends(found, b"a")
    assert found.on_worker_died("killed") == [Lost("a message", REASON), RESTART]


def test_messages_for_an_app_that_is_no_more_are_reported() -> None:
    """The newest code has handlers only, or too many wait: 1012."""
    found = opened()
    found.on_code_live()
    client_sends(found, b"a")
    found.on_app_returned(failed=False)
    assert found.on_turned_away() == [Lost("a message", REASON), RESTART]
    assert found.on_turned_away() == []


# what a resumed run may do


def test_a_resumed_run_that_has_answered_is_as_good_as_any() -> None:
    """Its close is the app's wish."""
    found = resumed()
    client_sends(found, b"a")
    found.on_app_received()
    assert found.on_app_sent()
    assert found.on_app_closed(1008, "rude") == [CloseClient(1008, "rude")]


def test_a_resumed_run_that_pushes_and_says_goodbye_needs_no_message() -> None:
    """A countdown that is over closes with 1000."""
    found = resumed()
    found.on_app_sent()
    assert found.on_app_closed(1000, "") == [CloseClient(1000)]
    pushed = resumed()
    pushed.on_app_sent()
    assert pushed.on_app_returned(failed=False) == [CloseClient(0)]


def test_a_connection_that_kills_each_worker_that_goes_on_with_it_is_given_up() -> None:
    """It does not wear out Workers for ever: its client is asked to reconnect."""
    found = opened()
    client_sends(found, b"a")
    found.on_app_received()
    assert found.on_worker_died("killed")[-1] == Offer(resumed=True)
    for _ in range(MOST_DEATHS - 1):
        found.on_run_started()
        assert found.on_worker_died("killed") == [Offer(resumed=True)]
    found.on_run_started()
    assert found.on_worker_died("killed") == given_up("ended 3 workers in a row")
