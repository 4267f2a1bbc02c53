"""Which code ran: noted exactly, or the reason is given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

import pytest

from devserver.worker.warm import ran
from devserver.worker.warm.ran import Counted, Monitored, recorder
from devserver.worker.warm.trees import walk

monitored = pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring")
counted = pytest.mark.skipif(sys.version_info >= (3, 12), reason="sys.monitoring is used")
SOURCE = """
def f():
    def inner(): return 1
    return inner
def g(): yield 1
async def h(): return 1
class A:
    def m(self): return [x for x in (1, 2)]
    def n(self): return 1
f()
A().m()
G = g()
C = h()
C.close()
"""


def compiled() -> list[CodeType]:
    """Return a module's code and all within."""
    return list(walk(compile(SOURCE, "sample", "exec")))


@pytest.fixture
def monitoring() -> Iterator[Any]:
    """Return sys.monitoring; give back all tools afterwards."""
    found: Any = getattr(sys, "monitoring", None)
    yield found
    for tool in ran._IDS:
        if found.get_tool(tool) is not None:
            found.register_callback(tool, found.events.PY_START, None)
            found.free_tool_id(tool)


def test_what_ran_is_known() -> None:
    """By the end: not what has merely been made, nor what runs afterwards."""
    record, codes = recorder(), compiled()
    assert record.begin() == ""
    record.watch(codes)
    namespace: dict[str, Any] = {}
    exec(codes[0], namespace)
    assert record.end(codes) == ""
    list(namespace["g"]())
    namespace["A"]().n()
    names = {code.co_name for code in codes if record.has_run(code)} - {"<listcomp>"}
    assert names == {"<module>", "f", "A", "m"}


@monitored
def test_all_tools_are_taken(monitoring: Any) -> None:
    """By a debugger and a coverage, say: both are named, and nothing fails."""
    for tool, name in zip(ran._IDS, ("a coverage", "a debugger"), strict=True):
        monitoring.use_tool_id(tool, name)
    record, codes = Monitored(), compiled()
    assert record.begin() == "sys.monitoring is taken by a coverage and a debugger"
    record.watch(codes)
    assert record.end(codes) != ""


@monitored
def test_one_tool_is_taken(monitoring: Any) -> None:
    """The other one does, and is given back."""
    monitoring.use_tool_id(ran._IDS[0], "a coverage")
    record = Monitored()
    assert record.begin() == ""
    assert record.end(compiled()[:0]) == ""
    assert monitoring.get_tool(ran._IDS[1]) is None


@monitored
@pytest.mark.parametrize("how", ["callback", "tool", "events"])
def test_something_else_uses_the_tool(monitoring: Any, how: str) -> None:
    """Then nothing is known of what ran."""
    record, codes = Monitored(), compiled()
    record.begin()
    record.watch(codes)
    tool = ran._IDS[0]
    match how:
        case "callback":
            monitoring.register_callback(tool, monitoring.events.PY_START, lambda *_: None)
        case "tool":
            monitoring.free_tool_id(tool)
        case "events":
            monitoring.set_local_events(tool, codes[1], 0)
    assert record.end(codes) != ""


@counted
def test_the_counter_is_tried() -> None:
    """It is where Python 3.11 has it."""
    assert Counted().begin() == ""


@counted
def test_a_python_without_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that keeps something else at its place is not believed."""
    monkeypatch.setattr(ran, "_COUNTER", ran._COUNTER + 2)
    assert Counted().begin() == "this Python keeps its counters elsewhere"
