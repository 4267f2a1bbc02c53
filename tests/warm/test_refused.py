"""What a swap cannot reach is refused, with one plain reason."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest

from tests.warm.rig import App, Driver

# The text before, the text after, and words of the reason.
CASES = {
    "a value": ("X = [1].copy()\n", "X = [2].copy()\n", "its module level changed (line 1)"),
    "true in place of one": ("X = (1).real\n", "X = (True).real\n", "module level changed"),
    "another zero": ("X = (0.0).real\n", "X = (-0.0).real\n", "module level changed"),
    "a class attribute": (
        "class A:\n    x = 1\n    def m(self): pass\n",
        "class A:\n    x = 2\n    def m(self): pass\n",
        "class A changed outside its methods (line 2)",
    ),
    "a function that ran": (
        "def total(): return 1\nX = total()\n",
        "def total(): return 2\nX = total()\n",
        "total() ran at import and changed (line 1)",
    ),
    "a method that ran": (
        "class A:\n    def m(self): return 1\nA().m()\n",
        "class A:\n    def m(self): return 2\nA().m()\n",
        "A.m() ran at import and changed",
    ),
    "a decorator that ran": (
        "def deco(f):\n    return f\n@deco\ndef f(): pass\n",
        "def deco(f):\n    f.x = 1\n    return f\n@deco\ndef f(): pass\n",
        "deco() ran at import and changed",
    ),
    "a lambda that ran": (
        "X = sorted([2, 1], key=lambda x: x)\n",
        "X = sorted([2, 1], key=lambda x: -x)\n",
        "ran at import and changed",
    ),
    "a comprehension at module level": ("X = [x for x in 'ab']\n", "X = [x + x for x in 'ab']\n", "changed"),
    "__init_subclass__ that ran": (
        "class A:\n    def __init_subclass__(cls): cls.x = 1\nclass B(A): pass\n",
        "class A:\n    def __init_subclass__(cls): cls.x = 2\nclass B(A): pass\n",
        "A.__init_subclass__() ran at import",
    ),
    "__set_name__ that ran": (
        "class D:\n    def __set_name__(self, o, n): self.n = 1\nclass A:\n    d = D()\n",
        "class D:\n    def __set_name__(self, o, n): self.n = 2\nclass A:\n    d = D()\n",
        "D.__set_name__() ran at import",
    ),
    "a default": ("def f(x=1): pass\n", "def f(x=2): pass\n", "module level changed"),
    "a parameter's name": ("def f(x): pass\n", "def f(y): pass\n", "the parameters of f() changed"),
    "a parameter more": ("def f(x): pass\n", "def f(x, y): pass\n", "the parameters of f() changed"),
    "keyword only": ("def f(x): pass\n", "def f(*, x): pass\n", "the parameters of f() changed"),
    "positional only": ("def f(x): pass\n", "def f(x, /): pass\n", "the parameters of f() changed"),
    "a docstring": ("def f():\n    'one'\n", "def f():\n    'two'\n", "the docstring of f() changed"),
    "a docstring that is new": (
        "def f():\n    return 1\n",
        "def f():\n    'two'\n    return 1\n",
        "the docstring of f() changed",
    ),
    "a docstring of a module": ("'one'\n", "'two'\n", "module level changed"),
    "an annotation": ("def f(x: int): pass\n", "def f(x: str): pass\n", "module level changed"),
    "an annotation as text": (
        "from __future__ import annotations\ndef f(x: int): pass\n",
        "from __future__ import annotations\ndef f(x: str): pass\n",
        "module level changed",
    ),
    "the future itself": (
        "def f(x: int): return 1\n",
        "from __future__ import annotations\ndef f(x: int): return 1\n",
        "changed",
    ),
    "a decorator": (
        "import functools\ndef f(): pass\n",
        "import functools\n@functools.cache\ndef f(): pass\n",
        "module level changed",
    ),
    "async in place of sync": (
        "def f(): return 1\n",
        "async def f(): return 1\n",
        "f() is now another kind of function",
    ),
    "a generator in place of a function": (
        "def f(): return 1\n",
        "def f(): yield 1\n",
        "f() is now another kind of function",
    ),
    "a rename": ("def f(): pass\n", "def g(): pass\n", "module level changed"),
    "a renamed method": (
        "class A:\n    def f(self): pass\n",
        "class A:\n    def g(self): pass\n",
        "class A changed outside its methods",
    ),
    "a function less": ("def f(): pass\ndef g(): pass\n", "def f(): pass\n", "module level changed"),
    "a function under another name": ("X = lambda: 1\n", "Y = lambda: 1\n", "module level changed"),
    "another variable of what surrounds it": (
        "def o(a, b):\n    def i(): return a\n    return i\ni = o(1, 2)\n",
        "def o(a, b):\n    def i(): return b\n    return i\ni = o(1, 2)\n",
        "o() ran at import and changed",
    ),
    "the order of two": (
        "def f(): pass\ndef g(): pass\n",
        "def g(): pass\ndef f(): pass\n",
        "module level changed",
    ),
    "a method that begins to use super": (
        "class A:\n    def m(self): return 1\n",
        "class A:\n    def m(self): return super().m()\n",
        "class A changed outside its methods",
    ),
    "a generator that lives": (
        "def g():\n    yield 1\n    yield 2\nG = g()\nnext(G)\n",
        "# moved\ndef g():\n    yield 1\n    yield 2\nG = g()\nnext(G)\n",
        "a generator of g() from the import still exists",
    ),
    "a generator that has not begun": (
        "def g(): yield 1\nG = g()\n",
        "def g(): yield 2\nG = g()\n",
        "a generator of g()",
    ),
    "a coroutine that has not begun": (
        "async def g(): return 1\nG = g()\n",
        "async def g(): return 2\nG = g()\n",
        "a coroutine of g()",
    ),
    "an async generator": (
        "async def g(): yield 1\nG = g()\n",
        "async def g(): yield 2\nG = g()\n",
        "an async_generator of g()".replace("_", " "),
    ),
    "a frame that an error holds": (
        "try:\n    1/0\nexcept ZeroDivisionError as error:\n    E = error\n",
        "# moved\ntry:\n    1/0\nexcept ZeroDivisionError as error:\n    E = error\n",
        "frame",
    ),
    "source that was read": (
        "import inspect\ndef f(): return 1\nS = inspect.getsource(f)\n",
        "import inspect\ndef f(): return 2\nS = inspect.getsource(f)\n",
        "main read its source at import",
    ),
    "a file that reads itself": (
        "S = len(open(__file__).read())\ndef f(): return 1\n",
        "S = len(open(__file__).read())\ndef f(): return 11\n",
        "main read its source at import",
    ),
    "source by its loader": (
        "S = __loader__.get_source(__name__)\ndef f(): return 1\n",
        "S = __loader__.get_source(__name__)\ndef f(): return 2\n",
        "main read its source at import",
    ),
    "source by pathlib": (
        "import pathlib\nS = pathlib.Path(__file__).read_bytes()\ndef f(): return 1\n",
        "import pathlib\nS = pathlib.Path(__file__).read_bytes()\ndef f(): return 2\n",
        "read its source at import",
    ),
    "a copy of code": (
        "def f(): return 1\ng = type(f)(f.__code__.replace(co_name='g'), {})\n",
        "def f(): return 2\ng = type(f)(f.__code__.replace(co_name='g'), {})\n",
        "was copied or rewritten at import",
    ),
    "a copy of code that is gone": (
        "def f(): return 1\nX = eval(f.__code__.replace(co_name='g'))\n",
        "def f(): return 2\nX = eval(f.__code__.replace(co_name='g'))\n",
        "was copied or rewritten at import",
    ),
    "constants that were looked at": (
        "def f(): return 'a'\nX = f.__code__.co_consts\n",
        "def f(): return 'b'\nX = f.__code__.co_consts\n",
        "main read the code of f() at import",
    ),
    "names that were looked at": (
        "import operator\ndef f(): return len\nX = operator.attrgetter('__code__.co_names')(f)\n",
        "import operator\ndef f(): return int\nX = operator.attrgetter('__code__.co_names')(f)\n",
        "main read the code of f() at import",
    ),
    "bytecode that was looked at": (
        "import dis\ndef f(): return 1\nX = [each.opname for each in dis.get_instructions(f)]\n",
        "import dis\ndef f(): return len\nX = [each.opname for each in dis.get_instructions(f)]\n",
        "dis read the code of f() at import",
    ),
    "closure variables": (
        "import inspect\ndef f(): return len\nX = inspect.getclosurevars(f)\n",
        "import inspect\ndef f(): return int\nX = inspect.getclosurevars(f)\n",
        "inspect read the code of f() at import",
    ),
    "code that is kept": (
        "def f(): return 1\nX = [f.__code__]\n",
        "def f(): return 2\nX = [f.__code__]\n",
        "of f()",
    ),
    "a line that was looked at": (
        "def f(): return 1\nX = f.__code__.co_firstlineno\n",
        "# moved\ndef f(): return 1\nX = f.__code__.co_firstlineno\n",
        "main read the line of f() at import",
    ),
    "a warning": (
        "import warnings\nwarnings.warn('old')\ndef f(): return 1\n",
        "# moved\nimport warnings\nwarnings.warn('old')\ndef f(): return 1\n",
        "a warning names a line of it",
    ),
    "a warning that is not shown": (
        "import warnings\nwarnings.showwarning = print\nwarnings.warn('old')\ndef f(): return 1\n",
        "import warnings\nwarnings.showwarning = print\n\nwarnings.warn('old')\ndef f(): return 1\n",
        "a warning named a line of it",
    ),
    "a log record that is kept": (
        "import logging, logging.handlers\nh = logging.handlers.MemoryHandler(9)\nlogging.getLogger('x').addHandler(h)\nlogging.getLogger('x').error('oh')\ndef f(): return 1\n",
        "import logging, logging.handlers\n\nh = logging.handlers.MemoryHandler(9)\nlogging.getLogger('x').addHandler(h)\nlogging.getLogger('x').error('oh')\ndef f(): return 1\n",
        "LogRecord names a line of it",
    ),
    "a program that may have run the app": (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])\ndef f(): return 1\n",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])\ndef f(): return 2\n",
        "was started at import",
    ),
    "a child": (
        "import os\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)\ndel pid\ndef f(): return 1\n",
        "import os\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)\ndel pid\ndef f(): return 2\n",
        "was started at import",
    ),
    "what does not compile": ("def f(): return 1\n", "def f(): return (\n", "does not compile (SyntaxError)"),
    "a method copied by another class": (
        "class A:\n    def m(self): return 1\nB = type('B', (), dict(vars(A)))\n",
        "\nclass A:\n    def m(self): return 1\nB = type('B', (), dict(vars(A)))\n",
        "",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_is_refused(driver: Driver, tmp_path: Path, what: str) -> None:
    """The edit is refused, and the reason names what stands in the way."""
    old, new, reason = CASES[what]
    state = App(driver, tmp_path, {"main.py": old}).edit({"main.py": new})
    if not reason:  # some versions of Python swap it
        return
    assert state.refused is not None
    assert reason in state.refused[1], state.refused
