"""Which numbers are taken for the number of the process."""

from __future__ import annotations

import os
from types import ModuleType

import pytest

from devserver.worker.image.process_id import place

PID = 2002
KEPT = {
    "a constant": ("YEAR = 2002", ""),
    "a constant beside others": ("def f(): return 2002\nCODES = {'Q-FEB': 2000 + 2}", ""),
    "what the system returned": ("import os\nME = os.getpid()", "ME"),
    "what an object keeps": ("import os\nclass C: pass\nKEPT = C()\nKEPT.me = os.getpid()", "KEPT.me"),
    "a constant beside what the system returned": ("import os\nME = os.getpid()\nYEAR = 2002", "ME"),
    "another number": ("ME = 2003", ""),
}


@pytest.mark.parametrize(("text", "expected"), KEPT.values(), ids=KEPT)
def test_a_number_of_an_own_module_is_the_process_id_unless_its_code_has_it(
    text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container, where the numbers of processes are small, many a constant is equal to one."""
    monkeypatch.setattr(os, "getpid", lambda: PID)
    code = compile(text, "/shop/main.py", "exec")
    module = ModuleType("main")
    exec(code, vars(module))
    assert place(module, PID, [code], own=True) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("_pid", "_pid"), ("PARENT", "PARENT"), ("Q_FEB", ""), ("CODE", "")]
)
def test_a_number_of_an_installed_module_is_the_process_id_if_its_name_suggests_that(
    name: str, expected: str
) -> None:
    """pandas has a table of codes, one of which may be equal."""
    module = ModuleType("pandas")
    setattr(module, name, PID)
    assert place(module, PID, (), own=False) == expected


def test_an_own_module_whose_code_is_not_known_may_keep_it_anywhere() -> None:
    """Another loader has compiled it."""
    module = ModuleType("main")
    vars(module)["ME"] = PID
    assert place(module, PID, (), own=True) == "ME"
