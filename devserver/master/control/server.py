"""The control socket's server: access, reading a request, and time limits for clients.

Law: no client blocks the server or another client. The server aborts a client that does not ask or read.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import cast

from devserver.control import protocol, sockets
from devserver.control.protocol import ProtocolError, Reply
from devserver.control.sockets import NoControl
from devserver.master.control.answers import Answers

ASK_WITHIN = 5.0
"""Seconds within which a client has to send its request."""
READ_WITHIN = 10.0
"""Seconds within which a client has to read from a full buffer."""
MOST_CLIENTS = 64
LINGER = 1.0
"""Seconds within which a client that is turned away has to read why, and close."""


class ControlServer:
    """One per process. Raises NoControl if the socket cannot be created."""

    def __init__(self, answers: Answers, root: str, folder: str) -> None:
        self._answers = answers
        self._place = sockets.claim()
        self.path = sockets.path_for(self._place, root, folder, os.getpid())
        self._listener = sockets.listen_at(self.path)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Answer from now on; clients that have already connected come first."""
        limit = protocol.LONGEST_REQUEST
        self._server = await asyncio.start_unix_server(self._accepted, sock=self._listener, limit=limit)

    async def close(self) -> None:
        """Remove the socket, and close the connections."""
        with suppress(OSError):
            os.unlink(self.path)
        if self._server is None:
            self._listener.close()
        else:
            self._server.close()
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            self._clients.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) > MOST_CLIENTS:
            text = f"{MOST_CLIENTS} other commands are waiting for answers: try again when one has ended"
            return await _turn_away(reader, writer, text)
        peer = sockets.peer_uid(cast(socket.socket, writer.get_extra_info("socket")))
        if peer not in (None, 0, os.geteuid()):
            text = "this server belongs to another user"
            return await _turn_away(reader, writer, text)
        try:
            async with asyncio.timeout(ASK_WITHIN):
                line = await reader.readline()
            request = protocol.request_in(line)
        except TimeoutError:
            text = f"no request came within {ASK_WITHIN:g} s"
            return await _send(writer, protocol.Problem(sentence=text))
        except ValueError:  # longer than the limit
            text = f"the request is longer than {protocol.LONGEST_REQUEST} bytes"
            return await _send(writer, protocol.Problem(sentence=text))
        except ProtocolError as error:
            return await _send(writer, protocol.Problem(sentence=str(error)))
        answering = asyncio.ensure_future(self._answer(request, writer))
        leaving = asyncio.ensure_future(_end_of(reader))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.wait({answering, leaving})

    async def _answer(self, request: protocol.Request, writer: asyncio.StreamWriter) -> None:
        replies = cast(AsyncGenerator[Reply, None], self._answers.answer(request))
        with suppress(ConnectionError):  # its client has left
            async with aclosing(replies):
                async for reply in replies:
                    await _send(writer, reply)


async def _turn_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> None:
    """Answer a client whose request was not read; closing over unread bytes would reset the connection."""
    await _send(writer, protocol.Problem(sentence=text))
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            await _end_of(reader)


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    writer.write(protocol.encode(reply))
    try:
        async with asyncio.timeout(READ_WITHIN):
            await writer.drain()
    except TimeoutError:
        writer.transport.abort()
        raise ConnectionAbortedError("the client does not read") from None


async def _end_of(reader: asyncio.StreamReader) -> None:
    """Wait until the client has closed its end, whatever else it sends."""
    with suppress(OSError):
        while await reader.read(4096):
            pass


__all__ = ["ControlServer", "NoControl"]
