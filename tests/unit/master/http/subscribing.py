"""Clients with an event stream, and the reloads that it goes through."""

from __future__ import annotations

from devserver.ipc.messages import Respond
from tests.unit.clocked import turns
from tests.unit.master.http.rig import Client, FakeWorker, Headers, Office

STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
ONE, TWO, THREE = (b"id: %d\ndata: x\n\n" % number for number in (1, 2, 3))
PLAIN = b"data: x\n\n"


async def subscribed(
    office: Office, first: bytes, *headers: tuple[bytes, bytes]
) -> tuple[Client, FakeWorker]:
    """Return a client with an event stream, and the Worker that it comes from."""
    worker = office.worker()
    client = await office.request("/events", headers=list(headers))
    await office.hears(worker, Respond(worker.opened.stream, 200, STREAM, first, more=True))
    return client, worker


async def reloaded(office: Office, generation: int = 2) -> FakeWorker:
    """Have newer code go live; return its Worker."""
    worker = office.worker(generation)
    office.go_live(generation)
    await turns()
    return worker


def last_event_ids(worker: FakeWorker) -> list[bytes]:
    """Return what the newest run of a Worker is asked to go on from."""
    return [value for name, value in worker.opened.scope.headers if name == b"last-event-id"]
