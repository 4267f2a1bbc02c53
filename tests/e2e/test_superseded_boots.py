"""A boot that a newer save makes needless ends without a word about it, wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import DevServer, eventually, serving

LIFESPAN = (
    "import asyncio, time\n"
    "BEGIN\n"
    "version = VERSION\n"
    "async def app(scope, receive, send):\n"
    "    if scope['type'] == 'lifespan':\n"
    "        await receive()\n"
    "        START\n"
    "        await send({'type': 'lifespan.startup.complete'})\n"
    "        await receive()\n"
    "        await send({'type': 'lifespan.shutdown.complete'})\n"
)
BEGUN = "print('begun', VERSION, flush=True) or 600"
STUBBORN = (
    "while True:\n"
    "            try:\n"
    "                await asyncio.sleep(SLEEP)\n"
    "            except asyncio.CancelledError:\n"
    "                pass"
)
FAILING = (
    "try:\n            await asyncio.sleep(SLEEP)\n        finally:\n            raise ValueError('too late')"
)
HOOK = "async def on_worker_start(server): await asyncio.sleep(SLEEP)"
KINDS = {
    "import": ("time.sleep(SLEEP)", "pass"),
    "sync-hook": ("def on_worker_start(server): time.sleep(SLEEP)", "pass"),
    "async-hook": (HOOK, "pass"),
    "lifespan": ("pass", "await asyncio.sleep(SLEEP)"),
    "sync-lifespan": ("pass", "time.sleep(SLEEP)"),
    "stubborn-lifespan": ("pass", STUBBORN),
    "failing-lifespan": ("pass", FAILING),
    "thread": ("import threading\nthreading.Thread(target=time.sleep, args=[600]).start()\n" + HOOK, "pass"),
}


def written(begin: str, start: str, version: int) -> str:
    text = LIFESPAN.replace("BEGIN", begin).replace("START", start).replace("SLEEP", BEGUN)
    return text.replace("VERSION", str(version))


def is_quiet(server: DevServer) -> None:
    """Nothing was printed of a failure, and each death that was reported had been ordered."""
    output = server.output()
    unfit = "Traceback", "CancelledError", "too late", "exited", "devserver's own", "impossible order"
    for word in (*unfit, "cannot be"):
        assert word not in output, output
    assert [fact for fact in server.past("worker-exited") if not fact["planned"]] == []
    assert server.past("refused") == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("handover", ["overlap", "exclusive"])
def test_a_boot_that_is_dropped_leaves_quietly(tmp_path: Path, kind: str, handover: str) -> None:
    """Three saves of code that takes long to start, then one that starts at once: only that one counts."""
    begin, start = KINDS[kind]
    good = written("pass", "pass", 0)
    with serving(tmp_path, "--workers", "1", "--handover", handover, text=good) as server:
        server.wait("rolled")
        for version in (1, 2, 3):
            server.save(written(begin, start, version))
            eventually("the boot stands there", lambda n=version: f"begun {n}\n" in server.output())  # type: ignore[misc]
        server.save_and_wait(written("pass", "pass", 4))
        eventually("all others have ended", lambda: len(server.workers()) == 1)
        is_quiet(server)
        assert server.stop() == 0
        is_quiet(server)
