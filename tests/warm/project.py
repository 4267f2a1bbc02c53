"""Generates small apps, and edits of them as a person would make them, from dice.

A project is a few modules, a module a list of items; an edit changes items, and the text is rendered again.
"""

# ruff: noqa: E501
from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

MODULES = ("shop/a.py", "shop/b.py", "shop/c.py")
KINDS = ("asgi", "fastapi", "flask", "django", "handlers")
PRELOAD = {
    "asgi": (),
    "handlers": (),
    "fastapi": ("fastapi", "fastapi.openapi.utils"),
    "flask": ("flask", "flask.testing"),
    "django": ("django", "django.apps", "django.conf", "django.urls", "django.test", "django.db.models"),
}
_HEAD = "import contextlib, dataclasses, enum, functools, inspect, typing, warnings\n"
_HEADS = {
    "fastapi": "from fastapi import APIRouter, Depends\nfrom pydantic import BaseModel, field_validator\nrouter = APIRouter()\n",
    "flask": "from flask import Blueprint\nrouter = Blueprint(__name__.replace('.', '_'), __name__)\n",
    "django": "from django.http import HttpResponse\nfrom django.db import models\npatterns = []\n",
    "asgi": "routes = {}\ndef route(f):\n    routes['/' + f.__name__] = f\n    return f\n",
    "handlers": "routes = {}\ndef route(f):\n    routes['/' + f.__name__] = f\n    return f\n",
}
_MAINS = {
    "fastapi": "from fastapi import FastAPI\napp = FastAPI()\nfor each in modules: app.include_router(each.router)\n",
    "flask": "from flask import Flask\napp = Flask(__name__)\nfor each in modules: app.register_blueprint(each.router)\n",
    "django": "from django.core.handlers.asgi import ASGIHandler\nfrom django.urls import path\nurlpatterns = [each for module in modules for each in module.patterns]\napplication = ASGIHandler()\nfrom django.urls import get_resolver\nget_resolver().url_patterns\n",
    "asgi": "async def app(scope, receive, send):\n    for each in modules:\n        if scope['path'] in each.routes:\n            text = repr(each.routes[scope['path']]())\n            await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n            await send({'type': 'http.response.body', 'body': text.encode()})\n",
    "handlers": "def on_receive(conn, data):\n    return [f() for each in modules for f in each.routes.values()]\n",
}
_BEFORE_DJANGO = """
import django
from django.conf import settings
settings.configure(SECRET_KEY='x', DEBUG=True, ROOT_URLCONF='main', ALLOWED_HOSTS=['*'], USE_TZ=True)
django.setup()
"""


_DOORS = {
    "asgi": "app = peek.asgi(app)\n",
    "fastapi": "served = peek.asgi(app)\n",
    "flask": "app.wsgi_app = peek.wsgi(app.wsgi_app)\n",
    "django": "served = peek.asgi(application)\n",
    "handlers": "from devserver import Lines\nprotocol = Lines()\ndef on_receive(conn, data): conn.send(peek.look() + '\\n')\n",
}
_PEEK = """

import json, os, threading
from devserver.worker.warm.visible_state import visible_state

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def look():
    found = visible_state(lambda path: path.startswith(HERE))
    said = []
    thread = threading.Thread(target=lambda: said.append(answers()))
    thread.start()
    thread.join()
    return json.dumps([found, said[0]])


def asgi(app):
    async def door(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != "/visible_state":
            return await app(scope, receive, send)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": look().encode()})
    door.__dict__["routes"] = getattr(app, "routes", ())
    return door


def wsgi(app):
    import flask.testing  # a first look imports it, and with it pdb, which registers with atexit
    def door(environ, start_response):
        if environ["PATH_INFO"] != "/visible_state":
            return app(environ, start_response)
        start_response("200 OK", [])
        return [look().encode()]
    return door
"""


@dataclass(frozen=True)
class Item:
    """One definition. `version` is what its body says, `outside` what its other parts say."""

    kind: str
    name: str
    version: int = 1
    lines: int = 0
    outside: int = 0
    target: str = ""


@dataclass
class Project:
    """An app of one framework, and the dice."""

    framework: str
    dice: random.Random
    modules: dict[str, list[Item]] = field(default_factory=dict)
    broken: str = ""
    """A module that does not compile now."""
    discreet: bool = False
    """Its main module takes what it needs from each module, and never hands one on."""

    def __post_init__(self) -> None:
        self._numbers = count(1)
        for name in MODULES:
            self.modules[name] = [self._new() for _ in range(self.dice.randrange(4, 9))]
        self._first = {name: list(items) for name, items in self.modules.items()}

    def files(self) -> dict[str, str]:
        """Return the project's files."""
        found = {name: self._render(name) for name in self.modules}
        found["shop/__init__.py"] = ""
        names = [name[:-3].replace("/", ".") for name in self.modules]
        head = _BEFORE_DJANGO if self.framework == "django" else ""
        imports = "".join(f"import {name}\n" for name in names)
        every, main = f"[{', '.join(names)}]", _MAINS[self.framework]
        if self.discreet:
            lister = f"def modules(): return {every}\n" if self.framework in ("asgi", "handlers") else ""
            found["main.py"] = f"{head}{imports}{lister}{_discreet(main, names)}"
        else:
            found["main.py"] = f"{head}{imports}modules = {every}\n{main}"
        return found

    def served(self) -> dict[str, str]:
        """Return its files with a door for the tests, at an import that is slow enough for an image."""
        found = self.files()
        found["main.py"] += f"import time, peek\ntime.sleep(0.04)\n{_DOORS[self.framework]}"
        found["peek.py"] = Path(__file__).with_name("probe.py").read_text() + _PEEK
        return found

    def _render(self, name: str) -> str:
        items = self.modules[name]
        functions = [each.name for each in items if each.kind in _CALLABLE]
        texts = [_render(each, self.framework, functions) for each in items]
        text = _HEAD + _HEADS[self.framework] + "\n".join(texts)
        return text + "\ndef (:\n" if name == self.broken else text

    def _new(self) -> Item:
        kind = self.dice.choice(_OFTEN * 4 + _SELDOM * 2 + _RARELY)
        number = next(self._numbers)
        return Item(
            kind, f"x{number}", self.dice.randrange(9), self.dice.randrange(3), 0, str(self.dice.random())
        )

    # edits

    def edit(self) -> str:
        """Change something; return what was done."""
        dice = self.dice
        if self.broken and dice.random() < 0.7:
            self.broken = ""
            return "mend"
        choice = dice.choice(_EDITS)
        return choice(self)

    def _place(self) -> tuple[str, int]:
        name = self.dice.choice([each for each, items in self.modules.items() if items])
        return name, self.dice.randrange(len(self.modules[name]))

    def _change(self, what: str, **parts: int) -> str:
        name, at = self._place()
        item = self.modules[name][at]
        changed = replace(item, **{part: getattr(item, part) + step for part, step in parts.items()})
        self.modules[name][at] = changed
        return f"{what} of {name}: {item.kind} {item.name}"

    def _body(self) -> str:
        return self._change("body", version=1)

    def _grow(self) -> str:
        return self._change("lines", lines=1)

    def _shrink(self) -> str:
        return self._change("body", lines=-1 if self.dice.random() < 0.5 else 2, version=1)

    def _outside(self) -> str:
        return self._change("outside", outside=1)

    def _add(self) -> str:
        name, at = self._place()
        self.modules[name].insert(at, self._new())
        return f"new in {name}: {self.modules[name][at]}"

    def _import(self) -> str:
        name = self.dice.choice(list(self.modules))
        line = self.dice.choice(_IMPORTS)
        at = self.dice.choice((0, len(self.modules[name]), self.dice.randrange(len(self.modules[name]) + 1)))
        self.modules[name].insert(at, Item("import", line, target="0"))
        return f"import in {name}: {line}"

    def _setting(self) -> str:
        found = [
            (name, item) for name, items in self.modules.items() for item in items if item.kind == "setting"
        ]
        if not found:
            return "no setting"
        name, item = self.dice.choice(found)
        other = self.dice.choice([each for each in self.modules if each != name])
        number = next(self._numbers)
        module = name.removesuffix(".py").replace("/", ".")
        line = f"from {module} import S_{item.name} as T{number}\ndef t{number}(): return T{number}"
        self.modules[other].append(Item("import", line, target="0"))
        return f"in {other}: {line}"

    def _append(self) -> str:
        name, _at = self._place()
        self.modules[name].append(self._new())
        return f"new at the end of {name}: {self.modules[name][-1]}"

    def _delete(self) -> str:
        name, at = self._place()
        return f"deleted in {name}: {self.modules[name].pop(at)}"

    def _move(self) -> str:
        name, at = self._place()
        items = self.modules[name]
        items.insert(self.dice.randrange(len(items)), items.pop(at))
        return f"moved in {name}"

    def _five(self) -> str:
        return "; ".join(self._body() for _ in range(5))

    def _break(self) -> str:
        self.broken = self.dice.choice(list(self.modules))
        return f"broken: {self.broken}"

    def _module(self) -> str:
        name = f"shop/m{next(self._numbers)}.py"
        self.modules[name] = [self._new(), self._new()]
        return f"new module {name}"

    def _drop_module(self) -> str:
        name = self.dice.choice(list(self.modules))
        if len(self.modules) > 2:
            del self.modules[name]
        return f"deleted module {name}"

    def _back(self) -> str:
        self.modules = {name: list(items) for name, items in self._first.items()}
        return "back to the first text"


_EDITS: list[Callable[[Project], str]] = [
    *[Project._body] * 8,
    *[Project._grow] * 3,
    *[Project._shrink] * 3,
    *[Project._outside] * 2,
    *[Project._add, Project._append, Project._delete, Project._move, Project._import, Project._import],
    *[Project._setting] * 2,
    *[Project._five, Project._break, Project._module, Project._drop_module, Project._back],
]

_IMPORTS = (
    "import json",
    "from functools import partial, wraps",
    "import os.path as p",
    "from typing import Any",
    "import shop.a",
    "from shop import b as other",
    "from shop.a import *",
    "from . import a as first, c",
)
_OFTEN = ["setting", "function", "class", "route", "coroutine", "generator", "nested"]
_SELDOM = ["constant", "dataclass", "lambdas", "factory", "cached", "overload", "called", "context", "model"]
_RARELY = ["read", "alive", "meta", "enum", "warning", "peek", "replaced", "comment", "loop"]
_CALLABLE = ("function", "generator", "nested", "called", "factory")


def _body(item: Item, indent: str) -> str:
    lines = [f"y = {item.version}", *["y += 1"] * max(item.lines, 0)]
    if item.version % 3 == 1:
        lines.append("y += sum(i for i in range(y))")
    if item.version % 4 == 2:
        lines.append("z = lambda: [y for _ in range(2)]")
    return "".join(f"{indent}{line}\n" for line in lines)


def _document(item: Item, indent: str) -> str:
    return f'{indent}"""Text {item.outside}."""\n' if item.outside % 2 else ""


def _render(item: Item, framework: str, functions: list[str]) -> str:
    name, body, v = item.name, _body(item, "    "), item.version
    inner = _body(item, "        ")
    default = f"q={item.outside}"
    target = functions[int(float(item.target) * len(functions))] if functions else "len"
    doc = _document(item, "    ")
    if item.kind == "import":
        return name + "\n"
    texts: Mapping[str, str] = {
        "function": f"def {name}({default}):\n{doc}{body}    return y, q\n",
        "coroutine": f"async def {name}({default}):\n{doc}{body}    return y, q\n",
        "generator": f"def {name}({default}):\n{doc}{body}    yield y\n    yield q\n",
        "nested": f"def {name}(*a, **k):\n    def inner():\n{inner}        return y\n    class C:\n        z = {v}\n        def m(self): return inner()\n    return C().m()\n",
        "class": f"class {name}:\n{doc}    z = {item.outside}\n    def m(self):\n{inner}        self.w = y\n        return y\n    @property\n    def p(self): return {v}\n    @classmethod\n    def c(cls): return cls, {v}\n    @staticmethod\n    def s(): return {v}\n    class Inner:\n        def n(self): return {v}\n",
        "setting": f"S_{name} = {_setting(item)}\ndef {name}({default}): return S_{name}, q\n{_reading(item)}",
        "constant": f"{name} = {item.outside + v!r}\n",
        "dataclass": f"@dataclasses.dataclass(slots=True)\nclass {name}:\n    z: int = {item.outside}\n    def m(self):\n{inner}        return y\n",
        "lambdas": f"{name} = {{\n    'a': lambda: {v},\n    'b': (lambda x={item.outside}: x + {v}),\n}}\n",
        "factory": f"def {name}(n={item.outside}):\n    def made():\n{inner}        return y, n\n    return made\n{name}_one, {name}_two = {name}(), {name}(2)\n",
        "cached": f"@functools.lru_cache\ndef {name}({default}):\n{body}    return y\n",
        "overload": f"@typing.overload\ndef {name}(x: int = 1) -> int: ...\n@typing.overload\ndef {name}(x: str = '') -> str: ...\ndef {name}(x=1):\n{body}    return y\n",
        "called": f"def {name}():\n{body}    return y\n{name}_value = {name}()\n",
        "context": f"@contextlib.contextmanager\ndef {name}({default}):\n{body}    yield y\n",
        "read": f"try: {name} = inspect.getsource({target})\nexcept (NameError, TypeError): {name} = ''\n",
        "alive": f"def {name}_g():\n{body}    yield y\n{name} = {name}_g()\n",
        "meta": f"class {name}_meta(type):\n    def size(cls):\n{inner}        return y\n    def __new__(m, *a): return super().__new__(m, *a)\nclass {name}(metaclass={name}_meta):\n    z = {item.outside}\n",
        "enum": f"class {name}(enum.Enum):\n    one = {item.outside}\n    def m(self):\n{inner}        return y\n",
        "warning": f"warnings.warn('text {item.outside}')\n",
        "peek": f"def {name}_f():\n{body}    return y\n{name} = {name}_f.__code__.co_{('names', 'consts', 'firstlineno')[item.outside % 3]}\n",
        "replaced": f"def {name}():\n{body}    return y\n{name}.__code__ = {name}.__code__.replace(co_name='other')\n",
        "comment": "# so\n" * (v % 4 + 1),
        "loop": f"{name}_kept = []\nfor {name} in range(2):\n    def {name}_f(n={name}):\n{inner}        return y, n\n    {name}_kept.append({name}_f)\n",
        "route": _route(item, framework),
        "model": _model(item, framework),
    }
    return texts[item.kind]


def _setting(item: Item) -> str:
    v = item.version
    return (f"{v}", f"'text {v}'", f"{{'a': [{v}], 'b': (1, None)}}", f"-{v} * 60")[item.outside % 4]


def _reading(item: Item) -> str:
    """Return code that reads a setting as it is imported, for some."""
    return f"{item.name}_read = [S_{item.name}]\n" if int(float(item.target) * 8) == 0 else ""


def _discreet(main: str, names: list[str]) -> str:
    """Return a main module that lists its modules only when it is asked to."""
    lines = []
    for line in main.replace("module in modules for", "module in [] for").splitlines():
        head, loop, rest = line.partition("for each in modules: ")
        if loop and not head:
            lines += [f"for each in ({', '.join(names)},): {rest}"]
        else:
            lines.append(line.replace(" in modules", " in modules()"))
    return (
        "\n".join(lines).replace(
            "[each for module in [] for each in module.patterns]",
            " + ".join(f"{name}.patterns" for name in names),
        )
        + "\n"
    )


def _route(item: Item, framework: str) -> str:
    name, body = item.name, _body(item, "    ")
    doc = _document(item, "    ")
    if framework == "fastapi":
        kind = "async def" if item.outside % 3 else "def"
        depends = f"def {name}_dep(q: int = {item.outside}):\n    yield q + {item.version}\n"
        return f"{depends}@router.get('/{name}')\n{kind} {name}(d: int = Depends({name}_dep)) -> dict:\n{doc}{body}    return {{'y': y, 'd': d}}\n"
    if framework == "flask":
        return f"@router.route('/{name}')\ndef {name}():\n{doc}{body}    return str(y)\n"
    if framework == "django":
        return f"def {name}(request=None):\n{doc}{body}    return HttpResponse(str(y))\nfrom django.urls import path\npatterns.append(path('{name}', {name}))\n"
    return f"@route\ndef {name}():\n{doc}{body}    return y\n"


def _model(item: Item, framework: str) -> str:
    name, inner = item.name, _body(item, "        ")
    if framework == "fastapi":
        return f"class {name}(BaseModel):\n    z: int = {item.outside}\n    @field_validator('z')\n    @classmethod\n    def check(cls, z):\n{inner}        return y\n    def m(self): return {item.version}\n"
    if framework == "django":
        return f"class {name}(models.Model):\n    z = models.IntegerField(default={item.outside})\n    def m(self):\n{inner}        return y\n    class Meta:\n        app_label = 'shop'\n"
    return f"class {name}:\n    def m(self):\n{inner}        return y\n"
