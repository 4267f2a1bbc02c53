"""A Manager that preloads, and the Workers forked before and after: runs an app cold, preloads, runs it warm.

Orders: JSON on stdin. Answers: JSON lines on stdout, each with the name of what happened.
"""

from __future__ import annotations

import asyncio  # noqa: F401  a Worker has its logger
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from devserver.ipc.messages import Imported, ModuleNote, Preload, Surroundings
from devserver.manager import syscalls
from devserver.manager.preload.preload import preload
from devserver.worker.birth.boot import Inheritance
from devserver.worker.load import late
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install
from devserver.worker.observe import conditions
from devserver.worker.observe.import_log import ImportLog

NOTHING = Inheritance({}, (), None)


class Orders(msgspec.Struct):
    project: str
    site: str
    names: list[str] = []
    """Preload these instead of what the app has imported."""
    without: list[tuple[str, str]] = []
    doubts: dict[str, str] = {}
    terminal: bool = False
    workers: int = 1


def work(
    orders: Orders, app: Callable[[Orders, Inheritance], Any], inheritance: Inheritance
) -> dict[str, Any]:
    """Run a Worker; return what its app came to, what it printed to its end, and how it ended."""
    result, result_in = os.pipe()
    printed, printed_in = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(printed_in, 1)
        os.dup2(printed_in, 2)
        os.write(result_in, msgspec.msgpack.encode(app(orders, inheritance)))
        for fd in (result, result_in, printed, printed_in):
            os.close(fd)
        sys.exit(0)  # as a Worker: with all that atexit has
    os.close(result_in)
    os.close(printed_in)
    with open(result, "rb") as came, open(printed, "rb") as out:
        value, text = came.read(), out.read().decode()
    _, status = os.waitpid(pid, 0)
    return {"value": value, "printed": text, "status": status}


def run_app(orders: Orders, inheritance: Inheritance) -> Any:
    """Import the app as a Worker does; return its VALUE and its notes."""
    late.complete()
    for reseed in inheritance.reseed:
        reseed()
    snapshot = Snapshot({}, lambda _source: None)
    notes = ImportLog(snapshot)
    install(snapshot, notes.found)
    notes.begin()
    sys.path[:0] = [orders.project, orders.site]
    for name, value in inheritance.environment.items():
        os.environ.setdefault(name, value)
    try:
        module: Any = importlib.import_module("app")
        if inheritance.filters is not None:
            conditions.order_filters(inheritance.filters)
        notes.ready()
        return {"value": module.VALUE, "notes": notes.taken(1, 1)}
    except BaseException as error:
        return {"value": repr(error), "notes": notes.taken(1, 1)}


class Outcome(msgspec.Struct):
    value: Any
    notes: Imported


def print_result(what: str, value: Any) -> None:
    os.write(1, json.dumps([what, value]).encode() + b"\n")


def tell_about(what: str, orders: Orders, inheritance: Inheritance = NOTHING) -> Imported:
    ran = work(orders, run_app, inheritance)
    outcome = msgspec.msgpack.decode(ran.pop("value"), type=Outcome)
    last = outcome.notes.surroundings[outcome.notes.last]
    noted = {"noted": len(outcome.notes.notes), "reason": outcome.notes.reason}
    print_result(what, ran | {"value": outcome.value, "left": [last.environment, last.conditions]} | noted)
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
        order = Preload(taken.notes, taken.surroundings, last=taken.last)
    doubts = {name: bytes.fromhex(values) for name, values in orders.doubts.items()}
    order = msgspec.structs.replace(order, without=tuple(orders.without), doubts=doubts)
    report_to = os.dup(1)

    def announced(name: str) -> None:
        os.write(report_to, json.dumps(["announced", name]).encode() + b"\n")

    report, inheritance = preload(
        order, own=[orders.project], terminal=orders.terminal, before_import=announced
    )
    os.close(report_to)
    print_result("doubts", {name: values.hex() for name, values in report.doubts.items()})
    print_result("report", msgspec.to_builtins(report))
    if not report.restart_without and not report.doubts:
        for number in range(orders.workers):
            tell_about("warm" if not number else f"warm {number + 1}", orders, inheritance)
    print_result("fit", syscalls.count_threads() == report.threads)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # atexit has what the modules gave it: that is the Workers'
