"""Asks a running server, and blocks until it answers: for the commands and the MCP server.

Law: it never waits beyond a deadline; an answer that ends early raises.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from devserver.common.errors import DevserverError
from devserver.control import protocol, sockets
from devserver.control.protocol import Problem, ProtocolError, Reply, Request
from devserver.control.sockets import Found

ANSWER_WITHIN = 5.0
"""Seconds for an answer that a server has at once."""


class NoServer(DevserverError):
    """No server runs in the project; the text names others that run."""


class Unanswered(DevserverError):
    """A server runs, but does not answer or refuses to."""


def ask(server: Found, request: Request, within_s: float | None = ANSWER_WITHIN) -> Iterator[Reply]:
    """Yield the replies, each within `within_s` seconds of the one before (None: no limit).

    Raises NoServer if the server has ended, Unanswered if it does not answer, or refuses.
    """
    with _connected(server, within_s) as connection, connection.makefile("rb") as lines:
        try:
            connection.sendall(protocol.encode(request))
            for line in lines:
                reply = protocol.reply_in(line)
                if isinstance(reply, Problem):
                    raise Unanswered(f"the server (pid {server.pid}) cannot do this: {reply.sentence}")
                yield reply
        except TimeoutError:
            raise _hangs(server, within_s) from None
        except ProtocolError as error:
            raise Unanswered(f"the server (pid {server.pid}) has sent an unknown answer: {error}") from error
        except OSError as error:
            raise Unanswered(f"the server (pid {server.pid}) has cut the connection: {error}") from error


def ask_once(server: Found, request: Request, within_s: float | None = ANSWER_WITHIN) -> Reply:
    """Return the first reply. Raises as `ask` does."""
    for reply in ask(server, request, within_s):
        return reply
    raise Unanswered(f"the server (pid {server.pid}) ended before it had answered")


def _connected(server: Found, within_s: float | None) -> socket.socket:
    try:
        connection = sockets.connect(server.path, within_s or ANSWER_WITHIN)
    except TimeoutError:
        raise _hangs(server, within_s) from None
    except BlockingIOError:
        raise Unanswered(f"the server (pid {server.pid}) has too many clients: try again") from None
    except OSError as error:
        text = f"{server.path} cannot be opened: {error.strerror}: use the user that runs the server"
        raise Unanswered(text) from error
    if connection is None:
        raise NoServer(f"the server (pid {server.pid}) has ended")
    connection.settimeout(within_s)
    if sockets.peer_uid(connection) not in (None, 0, os.geteuid()):
        connection.close()
        raise Unanswered(f"{server.path} belongs to another user: devserver does not use it")
    return connection


def _hangs(server: Found, within_s: float | None) -> Unanswered:
    text = f"the server (pid {server.pid}) has not answered within {within_s or ANSWER_WITHIN:g} s"
    return Unanswered(f"{text}: wait and try again, or end it with kill {server.pid}")
