"""One WebSocket over reloads and deaths, as a playbook of events and commands."""

from __future__ import annotations

import pytest

from devserver.master.http.session import (
    MOST_BARREN,
    AcceptClient,
    CloseClient,
    Deliver,
    End,
    Lost,
    Offer,
)
from tests.unit.master.http.playbook import GIVEN_UP, RESTART, opened, resumed, say, session

# newer code


def test_newer_code_gets_what_the_old_code_has_not_taken() -> None:
    """In order, once; the client sees no second handshake."""
    found = opened()
    for text in (b"a", b"b"):
        say(found, text)
    assert found.took() == []
    assert found.moved() == [End()]
    assert say(found, b"c") == []
    assert found.spoke(), "what is in hand may finish"
    assert found.ended(failed=False) == [Offer(resumed=True)]
    assert found.started() == [Deliver(b"b", True), Deliver(b"c", True)]
    assert found.accepted(None, []) == []
    assert found.phase == "open"


def test_a_message_taken_as_the_end_was_told_is_not_given_again() -> None:
    """The old code's word that it has taken one may be late."""
    found = opened()
    say(found, b"a")
    found.moved()
    assert found.took() == []
    found.ended(failed=False)
    assert found.started() == []


def test_a_second_reload_while_the_old_run_ends_changes_nothing() -> None:
    """One end, one beginning."""
    found = opened()
    assert found.moved() == [End()]
    assert found.moved() == []
    assert found.ended(failed=True) == [Offer(resumed=True)]
    assert found.moved() == []


def test_a_reload_before_the_resumed_run_has_accepted_moves_it_on() -> None:
    """Saves in quick succession end at the newest code."""
    found = opened()
    found.moved()
    found.ended(failed=False)
    say(found, b"a")
    assert found.started() == [Deliver(b"a", True)]
    assert found.moved() == [End()]
    assert found.accepted(None, []) == []
    assert found.ended(failed=False) == [Offer(resumed=True)]
    assert found.started() == [Deliver(b"a", True)]


@pytest.mark.parametrize("subprotocol", [None, "graphql-ws"])
def test_a_conversation_that_cannot_go_on_is_asked_to_reconnect(subprotocol: str | None) -> None:
    """1012 and an end for the old run, be it by the settings or by a subprotocol."""
    found = session(resumable=subprotocol is not None)
    found.accepted(subprotocol, [])
    assert found.moved() == [RESTART, End()]
    assert found.ended(failed=False) == []


def test_a_subprotocol_accepted_by_outdated_code_is_asked_to_reconnect() -> None:
    """The handshake is answered first, then the connection is closed with 1012."""
    found = session()
    found.moved()
    assert found.accepted("mqtt", []) == [AcceptClient("mqtt", []), RESTART, End()]


# deaths


def test_a_death_loses_the_message_in_hand_and_no_other() -> None:
    """It is named; the next Worker gets the rest."""
    found = opened()
    for text in (b"a", b"b"):
        say(found, text)
    found.took()
    assert found.died("killed") == [Lost("the message in hand", "killed"), Offer(resumed=True)]
    assert found.started() == [Deliver(b"b", True)]


def test_a_message_that_was_answered_is_not_lost() -> None:
    """The answer shows that it was handled."""
    found = opened()
    say(found, b"a")
    found.took()
    found.spoke()
    assert found.died("killed") == [Offer(resumed=True)]


def test_a_death_of_what_cannot_go_on_asks_the_client_to_reconnect() -> None:
    """There is no old run that could be told."""
    assert opened(resumable=False).died("killed") == [RESTART]


def test_a_death_while_the_old_run_ends_is_its_end() -> None:
    """The new code goes on."""
    found = opened()
    found.moved()
    assert found.died("killed") == [Offer(resumed=True)]


# what a resumed run may do


@pytest.mark.parametrize("failed", [False, True])
def test_a_resumed_run_that_ends_before_it_has_answered_wanted_a_beginning(failed: bool) -> None:
    """The client reconnects, and this path is not resumed again."""
    found = resumed()
    say(found, b"a")
    found.took()
    assert found.ended(failed) == GIVEN_UP


def test_a_resumed_run_that_does_not_accept_is_given_up() -> None:
    """A rejection without the first message is none of the app's."""
    found = opened()
    found.moved()
    found.ended(failed=False)
    found.started()
    assert found.hung_up(1006, "") == GIVEN_UP


def test_a_resumed_run_that_closes_before_it_has_answered_is_given_up() -> None:
    """1008, for the token that only a first message tells."""
    assert resumed().hung_up(1008, "no token") == GIVEN_UP


def test_a_rejection_that_crosses_with_the_next_reload_is_given_up_as_well() -> None:
    """The client is never closed with the app's code for what a resume did."""
    found = resumed()
    assert found.moved() == [End()]
    assert found.hung_up(1008, "no token") == GIVEN_UP
    assert found.ended(failed=False) == []


def test_a_resumed_run_that_has_answered_is_as_good_as_any() -> None:
    """Its close is the app's wish."""
    found = resumed()
    say(found, b"a")
    found.took()
    assert found.spoke()
    assert found.hung_up(1008, "rude") == [CloseClient(1008, "rude")]


def test_a_resumed_run_that_pushes_and_says_goodbye_needs_no_message() -> None:
    """A countdown that is over closes with 1000."""
    found = resumed()
    found.spoke()
    assert found.hung_up(1000, "") == [CloseClient(1000)]
    pushed = resumed()
    pushed.spoke()
    assert pushed.ended(failed=False) == [CloseClient(0)]


def test_a_connection_that_kills_each_worker_that_goes_on_with_it_is_given_up() -> None:
    """It does not wear out Workers for ever: its client is asked to reconnect."""
    found = opened()
    say(found, b"a")
    found.took()
    assert found.died("killed")[-1] == Offer(resumed=True)
    for _ in range(MOST_BARREN - 1):
        found.started()
        assert found.died("killed") == [Offer(resumed=True)]
    found.started()
    assert found.died("killed") == GIVEN_UP
