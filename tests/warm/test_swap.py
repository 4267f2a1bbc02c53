"""What is swapped equals a cold start: each case is compared with one."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest

from tests.warm.rig import App, Driver

# What is edited: the text before, the text after, and what is evaluated then.
CASES = {
    "a body": ("def f(): return 1\n", "def f(): return 2\n", "f()"),
    "a body that grows": (
        "def f(): return 1\ndef g(): return 3\n",
        "def f():\n\n    x = 2\n    return x\ndef g(): return 3\n",
        "f(), g.__code__.co_firstlineno",
    ),
    "an app that sets its objects aside": (
        "import gc\ndef f(): return 1\ngc.freeze()\n",
        "import gc\ndef f(): return 2\ngc.freeze()\n",
        "f()",
    ),
    "lines that moved": (
        "def f(): return 1\nX = f()\n",
        "# a comment\n\ndef f(): return 1\nX = f()\n",
        "f.__code__.co_firstlineno",
    ),
    "a method": ("class A:\n    def m(self): return 1\n", "class A:\n    def m(self): return 2\n", "A().m()"),
    "a method of a class that moved": (
        "def f(): return 1\nclass A:\n    x = 3\n    def m(self): return 1\n",
        "def f():\n    return 2\nclass A:\n    x = 3\n    def m(self): return 2\n",
        "f(), A().m()",
    ),
    "a method that sets another attribute": (
        "class A:\n    def m(self): self.a = 1\n    def n(self): return 7\n",
        "class A:\n    def m(self): self.a = self.b = 1\n    def n(self): return 7\n",
        "A.n(0)",
    ),
    "a static method, a class method, a property": (
        "class A:\n    @staticmethod\n    def s(): return 1\n    @classmethod\n    def c(cls): return 1\n    @property\n    def p(self): return 1\n    @p.setter\n    def p(self, v): self.q = 1\n",
        "class A:\n    @staticmethod\n    def s(): return 2\n    @classmethod\n    def c(cls): return 2\n    @property\n    def p(self): return 2\n    @p.setter\n    def p(self, v): self.q = 2\n",
        "A.s(), A.c(), A().p, setattr(A(), 'p', 1)",
    ),
    "a method of a metaclass": (
        "class M(type):\n    def size(cls): return 1\n    def __call__(cls): return 4\nclass A(metaclass=M): pass\n",
        "class M(type):\n    def size(cls): return 2\n    def __call__(cls): return 5\nclass A(metaclass=M): pass\n",
        "A.size(), A()",
    ),
    "a descriptor": (
        "class D:\n    def __get__(self, *a): return 1\n    def __set_name__(self, o, n): self.n = n\nclass A:\n    d = D()\n",
        "class D:\n    def __get__(self, *a): return 2\n    def __set_name__(self, o, n): self.n = n\nclass A:\n    d = D()\n",
        "A.d",
    ),
    "under functools.wraps, three deep": (
        "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a) + 1\n    return inner\n@deco\n@deco\n@deco\ndef f(): return 1\n",
        "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a) + 2\n    return inner\n@deco\n@deco\n@deco\ndef f(): return 5\n",
        "f(), f.__wrapped__(), f.__wrapped__.__wrapped__.__wrapped__()",
    ),
    "singledispatch": (
        "import functools\n@functools.singledispatch\ndef f(x): return 1\n@f.register\ndef _(x: int): return 2\n@f.register(str)\ndef g(x): return 3\n",
        "import functools\n@functools.singledispatch\ndef f(x): return 11\n@f.register\ndef _(x: int): return 12\n@f.register(str)\ndef g(x): return 13\n",
        "f(None), f(1), f('')",
    ),
    "lru_cache": (
        "import functools\n@functools.lru_cache\ndef f(): return 1\n",
        "import functools\n@functools.lru_cache\ndef f(): return 2\n",
        "f(), f.cache_info()",
    ),
    "partial": (
        "import functools\ndef f(x): return x\np = functools.partial(f, 2)\nm = functools.partialmethod(f, 3)\n",
        "import functools\ndef f(x): return x * 3\np = functools.partial(f, 2)\nm = functools.partialmethod(f, 3)\n",
        "p()",
    ),
    "a nested closure": (
        "def outer(n):\n    def inner(): return n\n    return inner\none, two = outer(1), outer(2)\n",
        "def outer(n):\n    def inner(): return n * 10\n    return inner\none, two = outer(1), outer(2)\n",
        "one(), two(), outer(3)()",
    ),
    "a lambda in a table": (
        "T = {\n 'a': lambda x: x + 1,\n 'b': lambda x: x + 2,\n}\nL = [lambda: 1, (lambda: 2,)]\n",
        "T = {\n 'a': lambda x: x + 10,\n 'b': lambda x: x + 20,\n}\nL = [lambda: 3, (lambda: 4,)]\n",
        "T['a'](0), T['b'](0), L[0](), L[1][0]()",
    ),
    "a lambda as a default": ("def f(g=lambda: 1): return g()\n", "def f(g=lambda: 2): return g()\n", "f()"),
    "a coroutine function, a generator, an async generator": (
        "async def c(): return 1\ndef g(): yield 1\nasync def a(): yield 1\n",
        "async def c(): return 2\ndef g(): yield 2\nasync def a(): yield 2\n",
        "list(g()), c().close()",
    ),
    "doubled under one name": (
        "def f(): return 1\ng = f\ndef f(): return 2\n",
        "def f(): return 3\ng = f\ndef f(): return 4\n",
        "g(), f()",
    ),
    "a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\n    def m(self): return self.x\n@dataclass(slots=True, frozen=True)\nclass B:\n    x: int = 1\n    def m(self): return self.x\n",
        "from dataclasses import dataclass\n\n@dataclass\nclass A:\n    x: int = 1\n    def m(self): return self.x + 1\n@dataclass(slots=True, frozen=True)\nclass B:\n    x: int = 1\n    def m(self): return self.x + 1\n",
        "A().m(), B().m(), A()",
    ),
    "an enumeration, a named tuple, a protocol, an abstract class": (
        "import enum, typing, abc\nclass E(enum.Enum):\n    a = 1\n    def m(self): return 1\nclass N(typing.NamedTuple):\n    a: int\n    def m(self): return 1\nclass P(typing.Protocol):\n    def m(self): ...\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...\n    def n(self): return 1\n",
        "import enum, typing, abc\n\nclass E(enum.Enum):\n    a = 1\n    def m(self): return 2\nclass N(typing.NamedTuple):\n    a: int\n    def m(self): return 2\nclass P(typing.Protocol):\n    def m(self): return 3\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...\n    def n(self): return 2\n",
        "E.a.m(), N(1).m(), A.n(0)",
    ),
    "typing.overload, moved": (
        "import typing\n@typing.overload\ndef f(x: int) -> int: ...\n@typing.overload\ndef f(x: str) -> str: ...\ndef f(x): return x\n",
        "import typing\n# one more line\n@typing.overload\ndef f(x: int) -> int: ...\n@typing.overload\ndef f(x: str) -> str: ...\ndef f(x): return x * 2\n",
        "f(3), [f.__code__.co_firstlineno for f in typing.get_overloads(f)]",
    ),
    "from __future__ import annotations": (
        "from __future__ import annotations\ndef f(x: Nowhere) -> int: return 1\nclass A:\n    y: int\n    def m(self) -> A: return 1\n",
        "from __future__ import annotations\ndef f(x: Nowhere) -> int: return 2\nclass A:\n    y: int\n    def m(self) -> A: return 2\n",
        "f(1), A().m()",
    ),
    "a body that calls super": (
        "class A:\n    def m(self): return 1\nclass B(A):\n    def m(self): return super().m()\n",
        "class A:\n    def m(self): return 2\nclass B(A):\n    def m(self): return super().m() + 1\n",
        "B().m()",
    ),
    "a class within a function that never ran": (
        "def f():\n    class A: x = 1\n    return A\n",
        "def f():\n    class B:\n        y = 2\n        def m(self): pass\n    return B\n",
        "f().__name__",
    ),
    "a class within a function that ran": (
        "def f():\n    class A:\n        def m(self): return 1\n    return A\nA = f()\nB = f()\n",
        "def f():\n\n    class A:\n        def m(self): return 2\n    return A\nA = f()\nB = f()\n",
        "A().m(), B().m(), f()().m()",
    ),
    "a function that only a container holds": (
        "handlers = []\ndef on(f): handlers.append(f)\n@on\ndef _(): return 1\ndel _\n",
        "handlers = []\ndef on(f): handlers.append(f)\n@on\ndef _(): return 2\ndel _\n",
        "handlers[0]()",
    ),
    "a bound method that is kept": (
        "class A:\n    def m(self): return 1\nbound = A().m\n",
        "class A:\n    def m(self): return 2\nbound = A().m\n",
        "bound()",
    ),
    "a function with attributes and keyword defaults": (
        "def f(*, x=[1]): return x\nf.y = 2\n",
        "def f(*, x=[1]): return x + x\nf.y = 2\n",
        "f(), f.y",
    ),
    "a coroutine made by types.coroutine": (
        "import types, contextlib\n@contextlib.contextmanager\ndef c():\n    yield 1\n",
        "import types, contextlib\n@contextlib.contextmanager\ndef c():\n    yield 2\n",
        "c().__enter__()",
    ),
    "a module's __getattr__": (
        "def __getattr__(name): return 1\n",
        "def __getattr__(name):\n    return 2\n",
        "__import__('sys').modules['main'].nothing",
    ),
    "a comprehension within a body": (
        "def f(): return [x for x in 'ab']\n",
        "def f(): return {x: 1 for x in 'abc'}\n",
        "f()",
    ),
    "a function in a branch that was not taken": (
        "if False:\n    pass\ntry:\n    pass\nexcept OSError:\n    def f(): return 1\n",
        "if False:\n    pass\ntry:\n    pass\nexcept OSError:\n    def f(): return 2\n",
        "1",
    ),
    "a finalizer, a comparison, a hash": (
        "class A:\n    def __eq__(self, o): return True\n    def __hash__(self): return 1\n    def __lt__(self, o): return True\n",
        "class A:\n    def __eq__(self, o): return False\n    def __hash__(self): return 2\n    def __lt__(self, o): return False\n",
        "A() == A(), hash(A()), A() < A()",
    ),
    "a text that holds another constant": (
        "A = 1\nB = 'x'\ndef f(): return 1\n",
        "A = 1\nB = 'x'\ndef f(): return 'other', 1.0, True\n",
        "f()",
    ),
    "five functions and a comment": (
        "def a(): return 1\ndef b(): return 1\ndef c(): return 1\n",
        "def a(): return 2\n# so\ndef b(): return 2\ndef c():\n    'x'.upper()\n    return 2\n",
        "a(), b(), c()",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_a_cold_start_would_give_the_same(driver: Driver, tmp_path: Path, what: str) -> None:
    """The edit is swapped, and no difference to a cold start is found."""
    old, new, after = CASES[what]
    state = App(driver, tmp_path, {"main.py": old}).edit({"main.py": new}, after=after)
    assert state.refused is None
    assert state.hot_after is not None
