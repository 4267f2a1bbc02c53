"""What only adds names to a module is added, where nothing can have looked for them before."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest

from tests.warm.rig import App, Driver

HEAD = "import json, datetime\nfrom json import dumps\nX = 1\ndef f(): return 1\nclass A:\n    pass\n"
ADDED = {
    "an import at the top": ("import json -> import os\nimport json", "f.__code__.co_firstlineno"),
    "an import at the end": (
        "    pass\n -> \n    pass\nimport os.path\nfrom os import sep",
        "sep, os.path.sep",
    ),
    "another name of an import": ("import dumps -> import dumps, loads", "loads('1')"),
    "another name before": ("import dumps -> import loads as load, dumps", "load('1')"),
    "another module in one line": ("json, datetime -> json, datetime, os", "os.sep"),
    "a function": (
        "class A -> def g(x, y=1, *, z=('a', -1)):\n    return f() + x\n\nclass A",
        "g(1), g.__defaults__, g.__kwdefaults__",
    ),
    "a function at the end that another calls": (
        "return 1 -> return g()",
        "f(), h()",
        "    pass\n -> \n    pass\ndef g(): return 5\nasync def h2(): pass\ndef h(): return f()",
    ),
    "a function whose annotations name what is there": (
        "class A -> def g(x: int, d: datetime.date, *a: list[A2]) -> dict[str, int] | None:\n    return x\n\nclass A",
        "g.__annotations__",
        "X = 1 -> X = 1\nfrom json import JSONDecodeError as A2",
    ),
    "a function with a docstring": ("class A -> def g():\n    'text'\n\nclass A", "g.__doc__"),
    "two functions and an import": (
        "X = 1 -> X = 1\nimport os\ndef g(): return os.sep\ndef h(): return g()",
        "h()",
    ),
}
REFUSED = {
    "a module that is not loaded": (
        "X = 1 -> X = 1\nimport ctypes.wintypes",
        "it imports ctypes.wintypes, which is not loaded",
    ),
    "a decorated function": ("class A -> @staticmethod\ndef g(): pass\nclass A", "module level changed"),
    "a default that is computed": ("class A -> def g(x=f()): pass\nclass A", "module level changed"),
    "an annotation that is computed": ("class A -> def g(x: f()): pass\nclass A", "module level changed"),
    "an annotation by a later name": (
        "def f -> def g(x: A): pass\ndef f",
        "A may have another value when it is defined",
    ),
    "a class": ("class A -> class B: pass\nclass A", "module level changed"),
    "a built-in name": ("X = 1 -> X = 1\ndef len(x): return 1", "len is new, and had another meaning"),
    "a name that frameworks look for": (
        "X = 1 -> X = 1\ndef application(): pass",
        "something may have looked for it",
    ),
    "a handler": ("X = 1 -> X = 1\ndef on_receive(conn, data): pass", "something may have looked for it"),
    "what looks like an app": (
        "X = 1 -> X = 1\nasync def serve(scope, receive, send): pass",
        "looks like an app",
    ),
    "a name that code has looked for": (
        "X = 1 -> X = 1\ndef hook(): pass",
        "something may have looked for it",
        "try: hook\nexcept NameError: pass\n",
    ),
    "a name that a text holds": (
        "X = 1 -> X = 1\ndef hook(): pass",
        "something may have looked for it",
        "try: eval('hook')\nexcept NameError: pass\n",
    ),
    "all names were looked at": (
        "X = 1 -> X = 1\ndef hook(): pass",
        "may have looked at all names",
        "Y = list(globals())\n",
    ),
    "its names were looked at by a function": (
        "X = 1 -> X = 1\ndef hook(): pass",
        "see() may have looked at all names",
        "import sys\ndef see(): return dir(sys.modules['main'])\nY = see()\n",
    ),
    "an import and a constant that is new": ("X = 1 -> import os\nX = 1\nY = 2", "module level changed"),
    "a text that would be a docstring": (
        "import json, datetime -> 'text'\nimport json, datetime",
        "module level changed",
    ),
    "the future": ("import json, -> from __future__ import annotations\nimport json,", "changed"),
    "all of a module": ("X = 1 -> X = 1\nfrom json import *", "module level changed"),
    "a submodule that it has not got": (
        "X = 1 -> X = 1\nfrom json import nothing",
        "which does not have it yet",
    ),
}


def edited(text: str, *changes: str) -> str:
    """Return a text in which each `a -> b` is done."""
    for change in changes:
        before, _, after = change.partition(" -> ")
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


@pytest.mark.parametrize("what", ADDED)
def test_a_cold_start_would_give_the_same(driver: Driver, tmp_path: Path, what: str) -> None:
    """The names are there, at their place among the others."""
    change, after, *more = ADDED[what]
    old = edited(HEAD, *(each for each in more if "A2" in each))
    state = App(driver, tmp_path, {"main.py": old}).edit(
        {"main.py": edited(old, change, *(each for each in more if "A2" not in each))}, after=after
    )
    assert state.refused is None
    assert state.hot_after is not None
    assert not state.hot_after.startswith(("NameError", "TypeError", "AttributeError"))


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused(driver: Driver, tmp_path: Path, what: str) -> None:
    """The edit is refused, and the reason names what stands in the way."""
    change, reason, *more = REFUSED[what]
    old = "".join(more) + HEAD
    state = App(driver, tmp_path, {"main.py": old}).edit({"main.py": edited(old, change)})
    assert state.refused is not None
    assert reason in state.refused[1]


SHOP = {
    "main.py": "import shop.one, shop.two\nfrom shop.three import h\n",
    "shop/__init__.py": "",
    "shop/one.py": "import shop.two as two\nX = 1\ndef f(): return 1\n",
    "shop/two.py": "def g(): return 1\nimport shop.one\n",
    "shop/three.py": "from shop.one import f\ndef h(): return 1\n",
    "shop/models.py": "def m(): return 1\n",
}


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("main.py", "import shop.one, -> import shop.one as one,", "module level changed"),
        ("shop/three.py", "import f -> import f, X as x", ""),
        ("shop/three.py", "def h -> from .two import g\ndef h", ""),
        (
            "shop/one.py",
            "X = 1 -> X = 1\nfrom .two import g",
            "",
        ),
        (
            "shop/one.py",
            "import shop.two -> from .two import g\nimport shop.two",
            "it imports shop.two, which was not completely imported when it ran",
        ),
        (
            "shop/two.py",
            "def g -> from shop.one import f\ndef g",
            "it imports shop.one, which was not completely imported when it ran",
        ),
        (
            "shop/three.py",
            "def h -> import shop.models as q\ndef h",
            "it imports shop.models, which is not loaded",
        ),
        ("shop/__init__.py", " -> def models(): pass\n", "models is new"),
        ("shop/__init__.py", " -> def other(): pass\n", "its place among the names is unclear"),
    ],
)
def test_imports_between_modules(driver: Driver, tmp_path: Path, name: str, change: str, reason: str) -> None:
    """What was whole before a module ran may be imported by it; the rest is refused."""
    state = App(driver, tmp_path, SHOP).edit({name: edited(SHOP[name], change)})
    if reason:
        assert state.refused is not None
        assert reason in state.refused[1]
    else:
        assert state.refused is None


def test_a_library_that_imports_the_module(driver: Driver, tmp_path: Path) -> None:
    """It may have looked at its names."""
    main = "import pydoc\npydoc.locate('other')\n"
    app = App(driver, tmp_path, {"main.py": main, "other.py": "def f(): return 1\n"})
    state = app.edit({"other.py": "def f(): return 1\ndef g(): return 1\n"})
    assert state.refused == ("other.py", "g is new, and pydoc may have looked at its names")


def test_all_names_imported_at_once(driver: Driver, tmp_path: Path) -> None:
    """The new name would be among them."""
    app = App(driver, tmp_path, {"main.py": "from other import *\n", "other.py": "def f(): return 1\n"})
    state = app.edit({"other.py": "def f(): return 1\ndef g(): return 1\n"})
    assert state.refused == ("other.py", "g is new, and all its names were imported at once")
