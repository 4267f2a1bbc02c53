"""A Manager that preloads, and the Workers forked before and after: runs an app cold, preloads, runs it warm.

Orders: JSON on stdin. Answers: JSON lines on stdout, each with the name of what happened.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from devserver.manager import kernel
from devserver.manager.preload import preload
from devserver.wire.messages import Imported, ModuleNote, Preload, Surroundings
from devserver.worker import late
from devserver.worker.loader import install
from devserver.worker.notes import Notes
from devserver.worker.snapshot import Snapshot


class Orders(msgspec.Struct):
    project: str
    site: str
    names: list[str] = []
    """Preload these instead of what the app has imported."""
    without: list[tuple[str, str]] = []
    terminal: bool = False


def work(orders: Orders, app: Callable[[Orders], Any]) -> dict[str, Any]:
    """Run a Worker; return what its app came to, what it printed to its end, and how it ended."""
    result, result_in = os.pipe()
    printed, printed_in = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(printed_in, 1)
        os.dup2(printed_in, 2)
        os.write(result_in, msgspec.msgpack.encode(app(orders)))
        for fd in (result, result_in, printed, printed_in):
            os.close(fd)
        sys.exit(0)  # as a Worker: with all that atexit has
    os.close(result_in)
    os.close(printed_in)
    with open(result, "rb") as came, open(printed, "rb") as out:
        value, text = came.read(), out.read().decode()
    _, status = os.waitpid(pid, 0)
    return {"value": value, "printed": text, "status": status}


def run_app(orders: Orders) -> Any:
    """Import the app as a Worker does; return its VALUE and its notes."""
    late.complete()
    snapshot = Snapshot({}, lambda _source: None)
    notes = Notes(snapshot)
    install(snapshot, notes.found)
    notes.begin()
    sys.path[:0] = [orders.project, orders.site]
    try:
        module: Any = importlib.import_module("app")
        return {"value": module.VALUE, "notes": notes.taken(1, 1)}
    except BaseException as error:
        return {"value": repr(error), "notes": notes.taken(1, 1)}


class Outcome(msgspec.Struct):
    value: Any
    notes: Imported


def say(what: str, value: Any) -> None:
    os.write(1, json.dumps([what, value]).encode() + b"\n")


def tell_about(what: str, orders: Orders) -> Imported:
    ran = work(orders, run_app)
    outcome = msgspec.msgpack.decode(ran.pop("value"), type=Outcome)
    say(what, ran | {"value": outcome.value, "noted": len(outcome.notes.notes)})
    return outcome.notes


def by_name(orders: Orders) -> Preload:
    notes = tuple(ModuleNote(name, str(Path(orders.site, f"{name}.py"))) for name in orders.names)
    return Preload(notes, (Surroundings({}, (orders.project, orders.site, *sys.path)),))


def main() -> None:
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)
    if orders.names:
        order = by_name(orders)
    else:
        taken = tell_about("cold", orders)
        order = Preload(taken.notes, taken.surroundings)
    order = msgspec.structs.replace(order, without=tuple(orders.without))
    report_to = os.dup(1)

    def told(name: str) -> None:
        os.write(report_to, json.dumps(["told", name]).encode() + b"\n")

    report = preload(order, own=[orders.project], terminal=orders.terminal, tell=told)
    os.close(report_to)
    say("report", msgspec.to_builtins(report))
    if not report.restart_without:
        tell_about("warm", orders)
    say("fit", kernel.count_threads() == report.threads)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # atexit has what the modules gave it: that is the Workers'
