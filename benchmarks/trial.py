"""One server on one app: started, saved under, restarted where it does not come back, and that is told."""

from __future__ import annotations

import random
import time
from pathlib import Path

from benchmarks.apps import App
from benchmarks.client import await_version, free_port
from benchmarks.peers import DEVSERVER, Peer
from benchmarks.processes import LEAVING, await_rest
from benchmarks.server import EventFile, Preparation, Server

RECOVERY = 4.0
"""Seconds in which a server must answer with good code again, or it is restarted."""


class Trial:
    """Owns the app's folder, the running server and the version that was saved last."""

    jitter = 1.0
    """Seconds up to which a save comes after rest: some servers look once a second."""

    def __init__(
        self, peer: Peer, app: App, folder: Path, preparation: Preparation, more: dict[str, str] | None = None
    ) -> None:
        self.peer, self.app, self.folder = peer, app, folder
        self._more = dict(more or {})
        self._more |= peer.environment(folder.parent)
        self.saved = folder / app.saved
        self.version = 1
        self.remarks: list[str] = []
        self.startups: list[float] = []
        self._preparation = preparation
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """Return the running server."""
        assert self._server is not None
        return self._server

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self.server.port

    def start(self, workers: int = 1) -> None:
        """Start it on good code, and wait until it is at rest."""
        self.saved.write_text(self.app.source(self.version, self.version % 7))
        port = free_port()
        command = self.peer.start_with(self.app, port, workers)
        if self.peer is DEVSERVER:
            self.events = EventFile(self.folder.parent / f"events-{port}.jsonl")
            command[3:3] = ["--events", str(self.events.path)]
        self._server = Server(command, self.folder, port, self._more)
        if workers == 1:
            self.startups.append(self._server.startup)
        if self.peer is DEVSERVER and self.app.needs:
            self._preparation.wait(self.events)
        await_rest(self._server.process.pid)

    def stop(self) -> None:
        """End it, and tell if it had to be killed."""
        server, self._server = self._server, None
        if server is not None and not server.stop():
            self.remark(f"did not leave within {LEAVING:g} s of SIGTERM, and was killed")

    def restart(self, why: str) -> None:
        """Start it again where it does not go on by itself."""
        self.remark(f"was restarted: {why}")
        self.stop()
        self.start()

    def remark(self, text: str) -> None:
        """Note what the table has no room for, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def save(self, padding: int | None = None, tail: str = "") -> float:
        """Save the next version as a simple editor does; return when the file was closed (perf_counter).

        Unless told otherwise its size differs from the version's before, for whole-second caches of bytecode.
        """
        self.version += 1
        text = self.app.source(self.version, self.version % 7 if padding is None else padding, tail)
        with self.saved.open("w") as file:
            file.write(text)
        return time.perf_counter()

    def rest(self) -> None:
        """Wait until the server is at rest, and then for anything up to `jitter`."""
        await_rest(self.server.process.pid, 3.0)
        time.sleep(random.uniform(0, self.jitter))

    def mend(self, after: str) -> bool:
        """Save good code; restart the server if it does not answer with that. Return whether it did."""
        self.save()
        if await_version(self.port, self.version, RECOVERY):
            return True
        self.restart(f"after {after} it served nothing new within {RECOVERY:g} s of a good save")
        return False
