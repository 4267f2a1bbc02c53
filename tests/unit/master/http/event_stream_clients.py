"""Clients with an event stream, and reloads while they have it."""

from __future__ import annotations

from devserver.ipc.messages import Respond
from tests.fakes.clock import turns
from tests.fakes.gateway import GatewayHarness, Headers
from tests.fakes.http_client import FakeClient
from tests.fakes.worker import FakeWorker

STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
ONE, TWO, THREE = (b"id: %d\ndata: x\n\n" % number for number in (1, 2, 3))
PLAIN = b"data: x\n\n"


async def subscribed(
    harness: GatewayHarness, first: bytes, *headers: tuple[bytes, bytes]
) -> tuple[FakeClient, FakeWorker]:
    """Return a client with an event stream, and the Worker that it comes from."""
    worker = harness.worker()
    client = await harness.request("/events", headers=list(headers))
    await harness.hears(worker, Respond(worker.opened.stream, 200, STREAM, first, more=True))
    return client, worker


async def reloaded(harness: GatewayHarness, generation: int = 2) -> FakeWorker:
    """Have newer code go live; return its Worker."""
    worker = harness.worker(generation)
    harness.go_live(generation)
    await turns()
    return worker


def last_event_ids(worker: FakeWorker) -> list[bytes]:
    """Return what the newest run of a Worker is asked to go on from."""
    return [value for name, value in worker.opened.scope.headers if name == b"last-event-id"]
