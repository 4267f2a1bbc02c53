"""Connections and Workers joined, over transports that only take notes."""

from __future__ import annotations

from devserver.common.framing import Lines
from devserver.config import LimitsConfig
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.handlers.connection import Connection
from devserver.master.handlers.router import Router
from tests.unit.master.silent import Silent


class Board:
    """A switchboard whose edits are settled when told so."""

    def __init__(self, limits: LimitsConfig) -> None:
        self.settled = False
        self.router = Router(
            limits,
            Dispatcher(lambda: None),
            lambda: 1,
            lambda _: self.settled,
            lambda _: None,
            lambda: None,
        )
        self.router.speak(("on_receive",), Lines())

    def connect(self) -> tuple[Connection, Silent]:
        """Return a new client."""
        connection, transport = self.router.connect("tcp"), Silent()
        connection.connection_made(transport)
        return connection, transport


def test_a_client_that_leaves_makes_room_for_others() -> None:
    """Uploads that are held during a reload: nobody hangs for ever because somebody else has gone."""
    board = Board(LimitsConfig(connection=1000, total=100))
    (large, _), (small, transport) = board.connect(), board.connect()
    large.data_received(b"x" * 110)
    small.data_received(b"x" * 20)
    assert not transport.reading
    board.settled = True
    board.router.arrived(small)
    assert not transport.reading
    large.connection_lost(None)
    assert transport.reading
