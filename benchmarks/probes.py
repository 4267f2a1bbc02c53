"""What becomes of what is open when a file is saved, and of requests while the code is broken."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from benchmarks.client import HOST, Answer, EventStream, await_version, get
from benchmarks.trial import Trial

HANGING = 5.0
"""Seconds after which a reload is said to hang."""
NOTICING = 1.5
"""Seconds that a server has to notice a broken file: some look once a second."""
REQUESTS = 20
PAIRS = 2
HANGS = "the reload hangs"


def websocket(trial: Trial) -> str:
    """Return what a save does to an open WebSocket."""
    trial.rest()
    try:
        with connect(f"ws://{HOST}:{trial.port}/ws", open_timeout=4, close_timeout=1) as socket:
            socket.send("before")
            socket.recv(4)
            trial.save()
            live = await_version(trial.port, trial.version, HANGING)
            try:
                socket.send("after")
                new = f"{trial.version:06}" in str(socket.recv(4))
                fate = "kept, on the new code" if new else "kept, on the old code"
            except TimeoutError:
                fate = "open, but dead"
            except ConnectionClosed as error:
                fate = f"cut, {error.rcvd.code}" if error.rcvd else "cut"
    except (OSError, WebSocketException) as error:
        return f"failed: {type(error).__name__}"
    return _told(trial, fate, live, "with a WebSocket open")


def event_stream(trial: Trial) -> str:
    """Return what a save does to an open event stream whose events have ids."""
    trial.rest()
    stream = EventStream(trial.port)
    time.sleep(0.3)
    trial.save()
    live = await_version(trial.port, trial.version, HANGING)
    time.sleep(1.0)
    if trial.version in stream.versions:
        fate = "kept, on the new code"
    else:
        fate = "cut" if stream.ended else "kept, on the old code"
    stream.close()
    return _told(trial, fate, live, "with an event stream open")


def in_flight(trial: Trial) -> str:
    """Return what a save does to a request that takes two seconds."""
    trial.rest()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get, trial.port, "/slow", 6.0)
        time.sleep(0.2)
        trial.save()
        live = await_version(trial.port, trial.version, HANGING)
        fate = "answered" if _status(answer) == 200 else "cut"
    return _told(trial, fate, live, "with a request in flight")


def broken(trial: Trial, tail: str, name: str) -> str:
    """Return how many of 20 requests are answered by the app while the saved file is broken."""
    trial.rest()
    trial.save(tail=tail)
    time.sleep(NOTICING)
    with ThreadPoolExecutor(REQUESTS) as pool:
        answers = []
        for _ in range(REQUESTS):
            answers.append(pool.submit(get, trial.port, "/", 2.0))
            time.sleep(0.05)
        statuses = [_status(answer) for answer in answers]
    told = f"{statuses.count(200)} of {REQUESTS}"
    pages = sum(status >= 500 for status in statuses)
    if pages:
        told += f", {pages} error pages"
    alive = trial.server.process.poll() is None
    if trial.mend(name):
        return told
    return f"{told}, {'does not recover' if alive else 'and the server ends'}"


def pairs(trial: Trial) -> str:
    """Return how often the second of two saves of one size within one second is what answers in the end."""
    right = 0
    for _ in range(PAIRS):
        trial.rest()
        time.sleep(1.05 - time.time() % 1)
        trial.save(padding=3)
        time.sleep(0.7)
        trial.save(padding=3)
        right += await_version(trial.port, trial.version, 2.5)
    if right < PAIRS:
        trial.mend("two saves within a second")
    return f"{right} of {PAIRS}"


def _told(trial: Trial, fate: str, live: bool, when: str) -> str:
    if live:
        return fate
    if await_version(trial.port, trial.version, 2.0):
        trial.remark(f"{when} new code came only when that was closed")
    else:
        trial.restart(f"{when} {HANGS}")
    return f"{HANGS} ({fate})"


def _status(answer: Future[Answer]) -> int:
    try:
        return answer.result().status
    except OSError:
        return 0
