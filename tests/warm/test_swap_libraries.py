"""Swaps in modules that use what changes, copies or reads functions: libraries, import hooks, several modules."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest

from tests.warm.rig import App, Driver

FASTAPI = """
from fastapi import Depends, FastAPI
from pydantic import BaseModel, field_validator
app = FastAPI()
class Item(BaseModel):
    price: int
    @field_validator("price")
    @classmethod
    def positive(cls, value): return value + 1
    def total(self): return self.price
def dep():
    yield 1
@app.get("/items")
async def items(d: int = Depends(dep)) -> Item:
    return Item(price=1)
@app.get("/sync")
def sync():
    '''Said in the schema.'''
    return 1
"""
SQLALCHEMY = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates, configure_mappers
from sqlalchemy.ext.hybrid import hybrid_property
class Base(DeclarativeBase): pass
class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[int]
    def total(self): return self.price
    @validates("price")
    def check(self, key, value): return value
    @hybrid_property
    def double(self): return self.price
configure_mappers()
"""
TYPEGUARD = """
from typeguard import typechecked
@typechecked
def f(x: int) -> int: return x
def g(): return 1
"""
BEARTYPE = """
from beartype import beartype
@beartype
def f(x: int) -> int: return x
def g(): return 1
"""
FLASK = """
from flask import Flask
app = Flask(__name__)
@app.route("/")
def index(): return "1"
@app.before_request
def before(): pass
"""
CLICK = """
import click
@click.group()
def cli(): pass
@cli.command()
@click.option("--x")
def run(x): click.echo(1)
"""


def edit(text: str, *changes: str) -> str:
    """Return a text in which each `a -> b` is done."""
    for change in changes:
        before, _, after = change.partition(" -> ")
        assert before in text, before
        text = text.replace(before, after)
    return text


SWAPPED = {
    "routes, dependencies, validators of fastapi": (
        FASTAPI,
        edit(
            FASTAPI,
            "value + 1 -> value + 2",
            "yield 1 -> yield 2",
            "return Item(price=1) -> return Item(price=5)",
            "return 1 -> return 7",
        ),
        "Item(price=1).price, sync(), app.openapi()",
    ),
    "a method of a model": (
        SQLALCHEMY,
        edit(
            SQLALCHEMY,
            "def total(self): return self.price -> def total(self): return self.price + 1",
            "def double(self): return self.price -> def double(self): return self.price * 2",
            "key, value): return value -> key, value): return value * 2",
        ),
        "Item(price=2).total(), str(Item.double), sorted(Base.metadata.tables)",
    ),
    "beside a function under beartype": (BEARTYPE, edit(BEARTYPE, "return 1 -> return 2"), "f(1), g()"),
    "a view of flask": (
        FLASK,
        edit(FLASK, 'return "1" -> return "2"', "before(): pass -> before(): return None"),
        "app.test_client().get('/').text",
    ),
    "a command": (CLICK, edit(CLICK, "echo(1) -> echo(2)"), "run.callback.__code__.co_consts"),
}
REFUSED = {
    "a docstring that a route shows": (
        FASTAPI,
        edit(FASTAPI, "Said -> Shown"),
        "the docstring of sync() changed",
    ),
    "beside a function that typeguard has compiled": (
        TYPEGUARD,
        edit(TYPEGUARD, "return 1 -> return 2"),
        "typeguard._decorators read its source at import",
    ),
    "a function that typeguard has compiled": (
        TYPEGUARD,
        edit(TYPEGUARD, "return x -> return x + 1"),
        "typeguard._decorators read its source at import",
    ),
    "a function under beartype": (BEARTYPE, edit(BEARTYPE, "return x -> return x + 1"), "beartype"),
}


def boot(driver: Driver, folder: Path, text: str) -> App:
    """Return an app of one module."""
    (line, *_) = (line for line in text.splitlines() if line.startswith(("import", "from")))
    pytest.importorskip(line.split()[1].partition(".")[0])
    return App(driver, folder, {"main.py": text})


@pytest.mark.parametrize("what", SWAPPED)
def test_a_cold_start_would_give_the_same(driver: Driver, tmp_path: Path, what: str) -> None:
    """The edit is swapped, and no difference to a cold start is found."""
    old, new, after = SWAPPED[what]
    state = boot(driver, tmp_path, old).edit({"main.py": new}, after=after)
    assert state.refused is None


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused(driver: Driver, tmp_path: Path, what: str) -> None:
    """The edit is refused, and the reason names what stands in the way."""
    old, new, reason = REFUSED[what]
    state = boot(driver, tmp_path, old).edit({"main.py": new})
    assert state.refused is not None
    assert reason in state.refused[1]


def test_several_modules(driver: Driver, tmp_path: Path) -> None:
    """Functions that other modules have imported are swapped where they are."""
    files = {
        "main.py": "from shop.one import f\nfrom shop import two\nimport shop.three as three\ntable = [f, two.g]\n",
        "shop/__init__.py": "",
        "shop/one.py": "from shop import two\ndef f(): return two.g()\n",
        "shop/two.py": "import shop.one\ndef g(): return 1\n",
        "shop/three.py": "from .one import f as h\ndef k(): return h()\n",
        "shop/lazy.py": "X = 1\n",
    }
    app = App(driver, tmp_path, files)
    edit = {
        "shop/one.py": files["shop/one.py"].replace("g()", "g() + 1"),
        "shop/two.py": "import shop.one\n\ndef g(): return 5\n",
    }
    state = app.edit(
        {**edit, "shop/lazy.py": "X = 2\n"}, after="f(), three.k(), __import__('shop.lazy').lazy.X"
    )
    assert state.refused is None
    assert state.names == ["f()", "g()"]
    assert state.hot_after == "(6, 6, 2)"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"new.py": "X = 1\n"}, ("new.py", "it is new")),
        ({"other.py": None}, ("other.py", "it was removed")),
        ({"other.py": None, "other/__init__.py": "def f(): return 1\n"}, ("other.py", "it was removed")),
        (
            {"other.py": "def f(): return 2\n", "main.py": "import other\nX = len([2])\n"},
            ("main.py", "its module level changed (line 2)"),
        ),
    ],
)
def test_other_changes(
    driver: Driver, tmp_path: Path, change: dict[str, str | None], reason: tuple[str, str]
) -> None:
    """Files that come, go or change at module level are refused, whatever else was saved."""
    state = App(
        driver, tmp_path, {"main.py": "import other\nX = 1\n", "other.py": "def f(): return 1\n"}
    ).edit(change)
    assert state.refused == reason


def test_a_function_that_another_module_calls_at_import(driver: Driver, tmp_path: Path) -> None:
    """It ran."""
    files = {"main.py": "import other\nX = other.f()\n", "other.py": "def f(): return 1\n"}
    state = App(driver, tmp_path, files).edit({"other.py": "def f(): return 2\n"})
    assert state.refused == ("other.py", "f() ran at import and changed (line 1)")


def test_reload(driver: Driver, tmp_path: Path) -> None:
    """A module that was reloaded has run twice; the functions of both times are swapped."""
    main = "import importlib, other\nold = other.f\nimportlib.reload(other)\n"
    app = App(driver, tmp_path, {"main.py": main, "other.py": "def f(): return 1\n"})
    state = app.edit({"other.py": "def f(): return 2\n"}, after="old(), other.f(), old is other.f")
    assert state.hot_after == "(2, 2, False)"


def test_one_file_under_two_names(driver: Driver, tmp_path: Path) -> None:
    """Both modules are swapped."""
    main = "import shop.one, sys\nsys.path.insert(0, 'shop')\nimport one\n"
    app = App(driver, tmp_path, {"main.py": main, "shop/one.py": "class A:\n    def f(self): return 1\n"})
    state = app.edit(
        {"shop/one.py": "\nclass A:\n    def f(self): return 2\n"}, after="shop.one.A().f(), one.A().f()"
    )
    assert state.hot_after == "(2, 2)"


@pytest.mark.parametrize(
    "hook",
    [
        "from beartype.claw import beartype_package\nbeartype_package('other')\n",
        "from typeguard import install_import_hook\ninstall_import_hook('other')\n",
    ],
)
def test_import_hooks(driver: Driver, tmp_path: Path, hook: str) -> None:
    """What a hook has compiled in its own way is refused; other modules are swapped."""
    pytest.importorskip(hook.split()[1].partition(".")[0])
    files = {
        "main.py": f"{hook}import other\ndef g(): return 1\n",
        "other/__init__.py": "def f(x: int) -> int: return 1\n",
    }
    app = App(driver, tmp_path, files)
    state = app.edit({"other/__init__.py": "def f(x: int) -> int: return 2\n"})
    assert state.refused == (
        "other/__init__.py",
        "another loader compiles it, or it cannot be imported",
    )
    state = app.edit({"main.py": files["main.py"].replace("1", "2")}, after="g()")
    assert state.refused is None
