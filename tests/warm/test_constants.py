"""A name gets another plain value where nothing has read it while the app was imported."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest

from tests.warm.rig import App, Driver

MAIN = "X = 1\ndef f(): return X\n"
PACKAGE = {"shop/__init__.py": "", "shop/config.py": "SIZE = 10\nOTHER = 2\ndef size(): return SIZE\n"}
VALUES = {
    "a number": ("1", "2"),
    "true in place of one": ("1", "True"),
    "another zero": ("0.0", "-0.0"),
    "a text": ("'one'", "'two'"),
    "bytes in place of a text": ("'a'", "b'a'"),
    "nothing": ("1", "None"),
    "something": ("None", "1"),
    "a tuple": ("(1, 2)", "(1, 2, ('three', None))"),
    "a list": ("[1]", "[1, 2]"),
    "a list in place of a tuple": ("(1,)", "[1]"),
    "a dictionary": ("{'a': 1}", "{'a': 1, 'b': [True, 2.5]}"),
    "an order": ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    "a set": ("{1, 2}", "{1, 3}"),
    "a negative number": ("-1", "-2"),
    "a product": ("60 * 60", "24 * 60 * 60"),
    "a sum in place of a number": ("5", "2 + 3 - 1j"),
    "more lines": ("{'a': 1}", "{\n    'a': 1,\n    'b': 2,\n}"),
    "a long number": ("1", "1" + "0" * 300),
}


def edit(
    driver: Driver, folder: Path, files: dict[str, str], *changes: str, after: str = ""
) -> tuple[list[str] | None, str, str]:
    """Return the constants that were set (None: refused), why not, and what comes `after`."""
    edited: dict[str, str | None] = {}
    for change in changes:
        name, _, rest = change.partition(": ")
        before, _, new = rest.partition(" -> ")
        text = edited.get(name) or files[name]
        assert before in text, change
        edited[name] = text.replace(before, new, 1)
    state = App(driver, folder, files).edit(edited, after=after)
    if state.refused is not None:
        return None, state.refused[1], ""
    return state.constants, "", str(state.hot_after)


@pytest.mark.parametrize("what", VALUES)
def test_a_plain_value(driver: Driver, tmp_path: Path, what: str) -> None:
    """The name has its new value, as after a cold start."""
    old, new = VALUES[what]
    text = f"X = {old}\nY = 0\ndef f(): return X\n"
    names, _why, after = edit(driver, tmp_path, {"main.py": text}, f"main.py: {old} -> {new}", after="f()")
    assert names == ["X"], _why
    assert after == repr(eval(new))


SET = {
    "with an annotation": (
        {"main.py": "X: int = 1\ndef f(): return X\n"},
        ("main.py: = 1 -> = 2",),
        "f(), __annotations__",
    ),
    "with an annotation that is a text": (
        {
            "main.py": "from __future__ import annotations\nX: Final[int] = 1\ndef f(x: int = 5) -> int: return X\n"
        },
        ("main.py: = 1 -> = 2",),
        "f()",
    ),
    "beside a body": (
        {"main.py": MAIN},
        ("main.py: X = 1 -> X = 2", "main.py: return X -> return -X"),
        "f()",
    ),
    "beside what is new": (
        {"main.py": MAIN},
        ("main.py: X = 1 -> import os\nX = 2\ndef g(): return X, os.sep", "main.py: return X -> return -X"),
        "f(), g()",
    ),
    "two in one edit": (
        {"main.py": MAIN + "Y = 'a'\ndef g(): return Y\n"},
        ("main.py: X = 1 -> X = 2", "main.py: Y = 'a' -> Y = 'b'"),
        "f(), g()",
    ),
    "lines above it": ({"main.py": MAIN}, ("main.py: X = 1 -> # so\n\nX = 2",), "f()"),
    "a counter that functions set": (
        {"main.py": "X = 1\ndef f():\n    global X\n    X += 1\n    return X\n"},
        ("main.py: X = 1 -> X = 5",),
        "f(), f()",
    ),
    "what another module imports": (
        {"main.py": "from shop.config import SIZE\ndef f(): return SIZE\n", **PACKAGE},
        ("shop/config.py: = 10 -> = 20",),
        "f()",
    ),
    "under another name, and again from there": (
        {
            "main.py": "from shop.deep.more import MAX\nfrom shop import SIZE as A\ndef f(): return MAX, A\n",
            **PACKAGE,
            "shop/__init__.py": "from .config import SIZE\n",
            "shop/deep/__init__.py": "",
            "shop/deep/more.py": "from .. import SIZE as BOUND\nfrom ..config import SIZE as MAX\ndef g(): return BOUND\n",
        },
        ("shop/config.py: = 10 -> = 20",),
        "f(), __import__('shop.deep.more').deep.more.g()",
    ),
    "of a module that is asked for attributes": (
        {
            "main.py": "import shop.config\nfrom shop import config as c\nX = shop.config.OTHER, c.OTHER\ndef f(): return c.SIZE, X\n",
            **PACKAGE,
        },
        ("shop/config.py: = 10 -> = 20",),
        "f()",
    ),
    "of a name that another module has as well": (
        {"main.py": "from shop.config import size\nSIZE = 3\nX = SIZE\n", **PACKAGE},
        ("shop/config.py: = 10 -> = 20",),
        "size(), X",
    ),
    "in a class under the same name": (
        {"main.py": MAIN + "class A:\n    X = 5\n"},
        ("main.py: X = 1 -> X = 2",),
        "f(), A.X",
    ),
    "of modules in a loop": (
        {
            "main.py": "from shop import config, more\nimport shop\nY = 0\nfor each in (config, more):\n    Y += each.OTHER\nfor other in [shop.config]:\n    Y += other.OTHER\ndef f(): return config.SIZE, Y\n",
            **PACKAGE,
            "shop/more.py": "OTHER = 5\n",
        },
        ("shop/config.py: = 10 -> = 20",),
        "f()",
    ),
    "of modules that a loop imports": (
        {
            "main.py": "import importlib\nfor each in ['config']:\n    Y = importlib.import_module(f'shop.{each}').OTHER\ndef f(): return __import__('shop.config').config.SIZE\n",
            **PACKAGE,
            "shop/config.py": "SIZE = 10\nOTHER = 2\ndef size(): return SIZE\n",
        },
        ("shop/config.py: = 10 -> = 20",),
        "f()",
    ),
    "of a list of exports": (
        {
            "main.py": "from shop import SIZE, OTHER\ndef f(): return SIZE, OTHER\n__all__ = ['SIZE']\n",
            **PACKAGE,
            "shop/__init__.py": "from .config import SIZE, OTHER, size\n__all__ = ['SIZE', 'OTHER', 'size']\n",
        },
        ("shop/config.py: = 10 -> = 20", "shop/config.py: = 2\n -> = 3\n"),
        "f()",
    ),
    "in a file that runs by itself": (
        {
            "main.py": MAIN + "if __name__ == '__main__':\n    import shop\n    shop.run('main:app')\n",
            "shop.py": "",
        },
        ("main.py: X = 1 -> X = 2",),
        "f()",
    ),
}
REFUSED = {
    "read at module level": (
        {"main.py": "X = 1\nY = X\n"},
        "X = 1 -> X = 2",
        "X changed, and main.py read it at import",
    ),
    "a default": ({"main.py": "X = 1\ndef f(x=X): return x\n"}, "X = 1 -> X = 2", "read it at import"),
    "a class body": (
        {"main.py": "X = 1\nclass A:\n    x = X\n"},
        "X = 1 -> X = 2",
        "class A read it at import",
    ),
    "a function that ran": (
        {"main.py": "X = 1\ndef f(): return X\nY = f()\n"},
        "X = 1 -> X = 2",
        "f() read it at import",
    ),
    "a function that has set it": (
        {"main.py": "X = 1\ndef f():\n    global X\n    X = 5\nf()\n"},
        "X = 1 -> X = 2",
        "got another value",
    ),
    "a function that has set it to the same": (
        {"main.py": "X = 1\ndef f():\n    global X\n    X = 1\nf()\n"},
        "X = 1 -> X = 2",
        "set in more than one place",
    ),
    "two assignments": ({"main.py": "X = 1\nX = 3\n"}, "X = 1 -> X = 2", "module level"),
    "two assignments of one value": (
        {"main.py": "X = 1\nX = 1\n"},
        "X = 1 -> X = 2",
        "in more than one place",
    ),
    "deleted and set": ({"main.py": "X = 1\ndel X\nX = 1\n"}, "X = 1 -> X = 2", "in more than one place"),
    "a list that was changed": (
        {"main.py": "X = []\nX.append(1)\n"},
        "X = [] -> X = [2]",
        "got another value",
    ),
    "a list that was changed and back": (
        {"main.py": "X = []\nX.append(1)\nX.pop()\n"},
        "X = [] -> X = [2]",
        "read it at import",
    ),
    "an attribute of its module": (
        {"main.py": "import shop.config as c\nY = c.SIZE\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "read it at import",
    ),
    "set from outside": (
        {"main.py": "import shop.config as c\nc.SIZE = 10\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "read it at import",
    ),
    "imported and read": (
        {"main.py": "from shop.config import SIZE as S\nY = [S]\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "S changed, and main.py read it",
    ),
    "imported by a function that ran": (
        {"main.py": "def f():\n    from shop.config import SIZE\n    return SIZE\nY = f()\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "f() read it at import",
    ),
    "imported with all": (
        {"main.py": "from shop.config import *\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "imported all names at once",
    ),
    "imported with all, from a package": (
        {"main.py": "from shop import *\n", **PACKAGE, "shop/__init__.py": "from .config import SIZE\n"},
        "shop/config.py: = 10 -> = 20",
        "imported all names at once",
    ),
    "asked for by a text": (
        {"main.py": "import shop.config as c\nimport operator\nY = getattr(c, 'SIZE')\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "SIZE changed, and main.py",
    ),
    "named in a list that is not of exports": (
        {"main.py": "X = 1\nNAMES = ['X', 'f', 'g']\n"},
        "X = 1 -> X = 2",
        "by a text",
    ),
    "a module that is handed on": (
        {
            "main.py": "import shop.config\nfrom tool import names\nY = names(shop.config)\n",
            "tool.py": "def names(x): return str(x)\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "hands on the module shop.config",
    ),
    "a module that a function hands on": (
        {"main.py": "def f():\n    import shop.config as c\n    return str(c)\nY = f()\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "hands on the module shop.config",
    ),
    "a package that a function hands on": (
        {
            "main.py": "import shop.config\ndef f():\n    import shop\n    return str(shop)\nY = f()\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "hands on the module shop",
    ),
    "a package that is handed on": (
        {"main.py": "import shop.config\nY = str(shop)\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "hands on the module shop",
    ),
    **{
        f"modules in a loop, {what}": (
            {
                "main.py": f"from shop import config\nY = []\nfor each in [config]:\n    Y.append(each.OTHER)\n    {line}\n",
                "tool.py": "KEPT = []\ndef keep(x): return str(x)\n",
                **PACKAGE,
            },
            "shop/config.py: = 10 -> = 20",
            "hands on the module shop.config",
        )
        for what, line in {
            "that is kept": "Y.append(str(each))",
            "that a function has": "f = lambda: each",
            "that a text has": "Y = f'{each}'",
            "in another list": "Z = [config].copy()",
            "with another name": "last = each",
        }.items()
    },
    "the last module of a loop": (
        {
            "main.py": "from loop import each\nY = str(each)\n",
            "loop.py": "from shop import config\nfor each in [config]:\n    Y = each.OTHER\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "hands on the module shop.config",
    ),
    "a module of a loop that another takes": (
        {
            "main.py": "import shop.config, shop.last, loop\n",
            "loop.py": "import shop.config, shop.last\nfor each in [shop.config, shop.last]:\n    Y = each.OTHER()\n",
            **PACKAGE,
            "shop/config.py": "SIZE = 10\ndef OTHER():\n    import loop\n    return getattr(loop.each, chr(83) + 'IZE')\n",
            "shop/last.py": "def OTHER(): pass\n",
        },
        "shop/config.py: = 10 -> = 20",
        "hands on the module",
    ),
    "modules in a list": (
        {
            "main.py": "from shop import config as one\nfor each in [one]:\n    Y = getattr(each, 'SI' + 'ZE')\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "SIZE changed",
    ),
    "all names": (
        {"main.py": "X = 1\nY = dict(globals())\n"},
        "X = 1 -> X = 2",
        "may have looked at all names",
    ),
    "all modules": (
        {"main.py": "import sys\nX = 1\nY = sys.modules[__name__]\n"},
        "X = 1 -> X = 2",
        "may have looked at all names",
    ),
    "text that is run": ({"main.py": "X = 1\nY = eval('X')\n"}, "X = 1 -> X = 2", "may have looked"),
    "imported by a call": (
        {"main.py": "import importlib\nY = str(importlib.import_module('shop.config'))\n", **PACKAGE},
        "shop/config.py: = 10 -> = 20",
        "may have looked at all names",
    ),
    "imported by a call under another name": (
        {
            "main.py": "from importlib import import_module as f\nY = f('shop' + '.config').__name__\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "may have looked at all names",
    ),
    "imported by a call, and kept": (
        {
            "main.py": "import importlib\nY = importlib.import_module('shop.conf' + 'ig')\nZ = str(Y)\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "may have looked at all names",
    ),
    "imported by a library": (
        {
            "main.py": "import shop.config\nimport pkgutil\nY = pkgutil.resolve_name('shop.' + 'config:SI' + 'ZE')\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "may have looked",
    ),
    "named in a text": (
        {
            "main.py": "import shop.config, logging.config\nlogging.config.re.compile('shop.config')\n",
            **PACKAGE,
        },
        "shop/config.py: = 10 -> = 20",
        "names shop.config in a text",
    ),
    "an annotation that is evaluated": (
        {
            "main.py": "from __future__ import annotations\nimport typing\nX = 1\ndef f(a: typing.Annotated[int, X]): pass\nY = typing.get_type_hints(f, include_extras=True)\n"
        },
        "X = 1 -> X = 2",
        "by a text",
    ),
    "a body that was read": (
        {"main.py": "import inspect\nX = 1\ndef f(): return X\nY = inspect.getclosurevars(f).builtins\n"},
        "X = 1 -> X = 2",
        "read the code of f()",
    ),
    "a file that was read": (
        {"main.py": "import inspect\nX = 1\ndef f(): return X\nY = inspect.getsource(f)\n"},
        "X = 1 -> X = 2",
        "read its source",
    ),
    "a name that frameworks look for": (
        {"main.py": "default_timeout = 1\n"},
        "default_timeout = 1 -> default_timeout = 2",
        "something may have looked for it",
    ),
    "what is computed": ({"main.py": "X = len('a')\n"}, "X = len('a') -> X = len('ab')", "module level"),
    "a text with values in it": ({"main.py": "Y = 1\nX = f'{Y}'\n"}, "{Y} -> {Y}1", "module level"),
    "a plain value in place of another": ({"main.py": "X = len('a')\n"}, "len('a') -> 1", "module level"),
    "an error": ({"main.py": "X = 1\n"}, "X = 1 -> X = 1 / 0", "module level"),
    "in a condition": ({"main.py": "if 1:\n    X = 1\n"}, "X = 1 -> X = 2", "module level"),
    "two names": ({"main.py": "X = Y = 1\n"}, "X = Y = 1 -> X = Y = 2", "module level"),
    "its annotation": ({"main.py": "X: int = 1\n"}, "X: int = 1 -> X: float = 2", "module level"),
    "a class attribute": ({"main.py": "class A:\n    x = 1\n"}, "x = 1 -> x = 2", "class A changed"),
    "a new assignment": ({"main.py": "X = 1\n"}, "X = 1 -> X = 1\nY = 2", "module level"),
}


@pytest.mark.parametrize("what", SET)
def test_a_value_is_set(driver: Driver, tmp_path: Path, what: str) -> None:
    """Wherever the value has been imported to, it is the new one."""
    files, changes, after = SET[what]
    names, why, found = edit(driver, tmp_path, files, *changes, after=after)
    assert names, why
    assert "Error" not in found


@pytest.mark.parametrize("what", REFUSED)
def test_what_was_read_is_refused(driver: Driver, tmp_path: Path, what: str) -> None:
    """What may have used the value at import has to run again; the reason is plain."""
    files, change, reason = REFUSED[what]
    change = change if change.startswith("shop/") else f"main.py: {change}"
    names, why, _after = edit(driver, tmp_path, files, change)
    assert names is None
    assert reason in why
