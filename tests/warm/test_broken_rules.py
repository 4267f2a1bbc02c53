"""Each rule is broken on purpose, and the comparison with a cold start shows it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.frameworks import need
from tests.warm.driver import Order, State
from tests.warm.rig import Driver, same

WARM = "import devserver.worker.warm as _; from devserver.worker.warm import "


@dataclass(frozen=True)
class Rule:
    """How it is broken, the edit that it would have refused or done otherwise, and what then differs."""

    broken: str
    old: str
    new: str
    seen: str
    after: str = ""
    since: tuple[int, int] = (3, 11)


RULES = {
    "a function that ran is not swapped": Rule(
        f"{WARM}record; record.Record.has_run = lambda self, code: code.co_name == '<module>'",
        "def total(): return 1\nX = total()\n",
        "def total(): return 2\nX = total()\n",
        "/modules/main/X: cold int 2, hot int 1",
    ),
    "a docstring is part of a function's outside": Rule(
        f"{WARM}trees; trees._docstring = lambda code: None",
        "def f():\n    'one'\n",
        "def f():\n    'two'\n",
        "/modules/main/f/__doc__",
    ),
    "a default belongs to the module level": Rule(
        f"{WARM}trees; trees.surface = lambda code: code.co_names",
        "def f(x=1): return x\n",
        "def f(x=2): return x\n",
        "/modules/main/f/__defaults__",
    ),
    "parameters are part of a function's outside": Rule(
        f"{WARM}trees; trees._parameters = lambda code: ()",
        "import inspect\ndef f(x): return x\nS = str(inspect.signature(f))\n",
        "import inspect\ndef f(y): return y\nS = str(inspect.signature(f))\n",
        "/modules/main/S",
    ),
    "source that was read is not swapped": Rule(
        f"{WARM}readers; readers.Readers.text = lambda *_: None",
        "import inspect\ndef f(): return 1\nS = inspect.getsource(f)\n",
        "import inspect\ndef f(): return 2\nS = inspect.getsource(f)\n",
        "/modules/main/S",
    ),
    "a file that was opened is not swapped": Rule(
        f"{WARM}readers; readers.Readers._on_open = lambda *_: None",
        "S = len(open(__file__).read())\ndef f(): return 1\n",
        "S = len(open(__file__).read())\ndef f(): return 11\n",
        "/modules/main/S",
    ),
    "a body that was read is not swapped": Rule(
        f"{WARM}readers; readers._kind = lambda frame: ''",
        "def f(): return 'a'\nX = f.__code__.co_consts[-1]\n",
        "def f(): return 'b'\nX = f.__code__.co_consts[-1]\n",
        "/modules/main/X",
    ),
    "a line that was read does not move": Rule(
        f"{WARM}readers; readers._kind = lambda frame: ''",
        "def f(): return 1\nX = f.__code__.co_firstlineno\n",
        "\ndef f(): return 1\nX = f.__code__.co_firstlineno\n",
        "/modules/main/X",
    ),
    "code that was copied is not swapped": Rule(
        f"{WARM}readers, holders; readers.Readers._on_code = lambda *_: None\n"
        "readers._kind = lambda frame: ''\n"
        "add = holders.Holders._add_function\n"
        "holders.Holders._add_function = lambda self, f, ids, files: add(self, f, ids, ids)",
        "def f(): return 1\ng = type(f)(f.__code__.replace(co_name='h'), globals())\n",
        "def f(): return 2\ng = type(f)(f.__code__.replace(co_name='h'), globals())\n",
        "after: cold (2, 2), hot (2, 1)",
        "f(), g()",
    ),
    "code that something holds is not swapped": Rule(
        f"{WARM}readers, holders; readers._kind = lambda frame: ''\n"
        "holders.Holders._held_elsewhere = lambda *_: set()",
        "def f(): return 1\nX = f.__code__\n",
        "def f(): return 2\nX = f.__code__\n",
        "/modules/main/X",
    ),
    "a generator that lives is not swapped": Rule(
        f"{WARM}holders; holders._CODE_OF.clear()\nholders.Holders._held_elsewhere = lambda *_: set()",
        "def g(): yield 1\nG = g()\n",
        "def g(): yield 2\nG = g()\n",
        "after: cold 2, hot 1",
        "next(G)",
    ),
    "every function that holds the code is found": Rule(
        f"{WARM}holders; import gc\nholders.gc = type(gc)('gc')\nvars(holders.gc).update(vars(gc))\n"
        "holders.gc.get_objects = lambda: [each for each in vars(__import__('main')).values()]\n"
        "holders.Holders._held_elsewhere = lambda *_: set()",
        "table = []\ndef on(f): table.append(f)\n@on\ndef f(): return 1\n",
        "table = []\ndef on(f): table.append(f)\n@on\ndef f(): return 2\n",
        "after: cold 2, hot 1",
        "table[0]()",
    ),
    "overloads are known by their new lines": Rule(
        f"{WARM}swap; swap._renew_overloads = lambda changed: None",
        "import typing\n@typing.overload\ndef f(x: int) -> int: ...\ndef f(x): return x\n",
        "import typing\n\n@typing.overload\ndef f(x: int) -> int: ...\ndef f(x): return x\n",
        "/overloads/main/f",
    ),
    "classes know their new lines": Rule(
        f"{WARM}image; image.Image._renewed = lambda *_: ()",
        "class A:\n    def m(self): return 1\n",
        "\nclass A:\n    def m(self): return 1\n",
        "/modules/main/A/names/__firstlineno__: cold int 2, hot int 1",
        since=(3, 13),
    ),
    "classes know what their methods set": Rule(
        f"{WARM}image; image.Image._renewed = lambda *_: ()",
        "class A:\n    def m(self): self.a = 1\n",
        "class A:\n    def m(self): self.b = 1\n",
        "/modules/main/A/names/__static_attributes__[1]: cold str 'b', hot str 'a'",
        since=(3, 13),
    ),
    "a warning's line does not move": Rule(
        f"{WARM}image; image.Image._check_lines = lambda *_: None",
        "import warnings\nwarnings.warn('old')\ndef f(): return 1\n",
        "import warnings\n\nwarnings.warn('old')\ndef f(): return 1\n",
        "/modules/main/__warningregistry__",
    ),
    "a function of another kind is not swapped": Rule(
        f"{WARM}trees; outside = trees.outside\n"
        "trees.outside = lambda code: outside(code)[:3]\ntrees.surface = lambda code: code.co_names",
        "import inspect\ndef f(): return 1\nX = inspect.isgeneratorfunction(f)\n",
        "import inspect\ndef f(): yield 1\nX = inspect.isgeneratorfunction(f)\n",
        "/modules/main/X",
    ),
    "a module that is new or gone is refused": Rule(
        f"{WARM}image; image.Image._check_unused = lambda *_: None",
        "try:\n    import other\nexcept ImportError:\n    other = None\n",
        "",
        "/order",
    ),
    "what was compiled in another way is refused": Rule(
        f"{WARM}image; image.Image._check_unused = lambda *_: None",
        "from beartype.claw import beartype_package\nbeartype_package('other')\nimport other\n",
        "",
        "cold 2, hot 1",
        "other.f()",
    ),
}
RULES |= {
    "a value that was read is not set": Rule(
        f"{WARM}bindings; bindings.Bindings._check_use = lambda *_: None",
        "X = 1\nY = [X]\n",
        "X = 2\nY = [X]\n",
        "/modules/main/Y[1]: cold int 2, hot int 1",
    ),
    "a value that was changed is not set": Rule(
        f"{WARM}bindings; bindings.alike = lambda *_: True\nbindings.Bindings._check_use = lambda *_: None",
        "X = []\nX.append(1)\n",
        "X = [2]\nX.append(1)\n",
        "/modules/main/X",
    ),
    "all names that a value was imported to follow": Rule(
        f"{WARM}bindings; bindings.Bindings._follow = lambda *_: ()",
        "from other import X\n",
        "",
        "/modules/main/X: cold int 2, hot int 1",
    ),
    "a value that was imported with all names is not set": Rule(
        f"{WARM}bindings; bindings.Bindings._check_star = lambda *_: None",
        "from other import *\n",
        "",
        "/modules/main/X: cold int 2, hot int 1",
    ),
    "a value of a module that was handed on is not set": Rule(
        f"{WARM}bindings; bindings.Bindings._hands_on = lambda *_: False",
        "import other\nY = getattr(other, chr(88))\n",
        "",
        "/modules/main/Y: cold int 2, hot int 1",
    ),
    "a value of a module that a loop handed on is not set": Rule(
        f"{WARM}reads; whole = reads._whole\n"
        "reads._whole = lambda nodes, asked: (each for each in whole(nodes, asked) if each != 'each')",
        "import other\nfor each in [other]:\n    Y = getattr(each, chr(88))\n",
        "",
        "/modules/main/Y: cold int 2, hot int 1",
    ),
    "a value of a module that a function handed on is not set": Rule(
        f"{WARM}bindings; bindings.Bindings._check_locals = lambda *_: None\n"
        "bindings.Bindings._hands_on = lambda *_: False",
        "def f():\n    import other\n    return getattr(other, chr(88))\nY = f()\n",
        "",
        "/modules/main/Y: cold int 2, hot int 1",
    ),
    "a value that a text names is not set": Rule(
        f"{WARM}reads; reads.Reads.code_with = lambda *_: None",
        "from __future__ import annotations\nimport typing\nX = 1\ndef f(a: typing.Annotated[int, X]): pass\n"
        "Y = typing.get_type_hints(f, include_extras=True)['a'].__metadata__\n",
        "from __future__ import annotations\nimport typing\nX = 2\ndef f(a: typing.Annotated[int, X]): pass\n"
        "Y = typing.get_type_hints(f, include_extras=True)['a'].__metadata__\n",
        "/modules/main/Y[1]: cold int 2, hot int 1",
    ),
    "nothing is set where all names were looked at": Rule(
        f"{WARM}reads; reads.Reads.enumerates = lambda *_: None",
        "X = 1\nY = globals()[chr(88)]\n",
        "X = 2\nY = globals()[chr(88)]\n",
        "/modules/main/Y: cold int 2, hot int 1",
    ),
    "nothing is set in a module that a library asked for": Rule(
        f"{WARM}reads, record; reads.Reads.enumerates = lambda *_: None\nrecord.Record.ask = lambda *_: None",
        "import other, pkgutil\nY = pkgutil.resolve_name('other:' + chr(88))\n",
        "",
        "/modules/main/Y: cold int 2, hot int 1",
    ),
    "a value whose reader's code was read is not set": Rule(
        f"{WARM}readers; readers._kind = lambda frame: ''",
        "import inspect\nX = 1\ndef f(): return X\nY = inspect.getclosurevars(f)[1]\n",
        "import inspect\nX = 2\ndef f(): return X\nY = inspect.getclosurevars(f)[1]\n",
        "/modules/main/Y",
    ),
}
_VALUE = ("X = 1\n", "X = 2\n")
OTHER = {
    "what was compiled in another way is refused": ("def f(): return 1\n", "def f(): return 2\n"),
    **dict.fromkeys(
        (
            "all names that a value was imported to follow",
            "a value that was imported with all names is not set",
            "a value of a module that was handed on is not set",
            "a value of a module that a loop handed on is not set",
            "a value of a module that a function handed on is not set",
            "nothing is set in a module that a library asked for",
        ),
        _VALUE,
    ),
}


def outcome(driver: Driver, folder: Path, what: str, sabotage: str) -> State:
    """Return what comes of a rule's edit."""
    rule = RULES[what]
    files, edit = {"main.py": rule.old}, {"main.py": rule.new or rule.old}
    before, after = OTHER.get(what, ("", "X = 1\n"))
    if before:
        files["other.py"] = before
    if not rule.new:
        edit = {"other.py": after}
    (state,) = driver.run(Order(str(folder), "main", files, [edit], rule.after, sabotage=sabotage))
    assert not state.hot_error, state.hot_error
    return state


@pytest.mark.parametrize("what", RULES)
def test_breaking_a_rule_shows(driver: Driver, tmp_path: Path, what: str) -> None:
    """Without the rule hot and cold differ as expected; with it they are the same, or nothing is swapped."""
    rule = RULES[what]
    if sys.version_info < rule.since:
        pytest.skip("this Python keeps nothing of the kind")
    if "beartype" in rule.old:
        need("beartype")
    state = outcome(driver, tmp_path, what, rule.broken)
    assert state.refused is None, state.refused
    told = same(state)
    assert any(rule.seen in each for each in told), told
    state = outcome(driver, tmp_path, what, "")
    assert state.refused is not None or not same(state)
