"""What README promises: its example is handlers that work, its commands and names are the true ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import click
import pytest

from devserver.cli import commands
from devserver.cli.command import command
from devserver.common.framing import Lines
from devserver.worker.find.handlers import ARGUMENTS, Handlers, handlers_of
from devserver.worker.run.api import Connection, Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def blocks(language: str) -> list[str]:
    """Return README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def loaded(source: str, name: str) -> tuple[ModuleType, Handlers]:
    """Run `source` as a module and find its handlers as a Worker does."""
    module = ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    handlers = handlers_of(module)
    assert isinstance(handlers, Handlers)
    return module, handlers


class FakeConn(SimpleNamespace):
    """Notes what is sent; its state is kept as the server keeps it."""

    def __init__(self) -> None:
        server = SimpleNamespace(broadcast=lambda *_, **__: None)
        super().__init__(id=1, transport="tcp", state={}, sent=[], server=server)

    def send(self, data: str) -> None:
        self.sent.append(data)


def test_the_example_counts_lines() -> None:
    """README's handlers, copied, answer."""
    [example] = blocks("python")
    module, handlers = loaded(example, "handlers")
    assert handlers.framing == Lines()
    conn = FakeConn()
    for line in (b"a", b"b"):
        module.on_receive(conn, line)
    assert conn.sent == ["line 1: a\n", "line 2: b\n"]


def test_the_sample_answers_as_promised() -> None:
    """The first line that is typed gets what README says."""
    assert "Receive something" in README
    module, handlers = loaded((ROOT / "sample_app/handlers.py").read_text("utf-8"), "sample")
    assert handlers.framing == Lines()
    conn = FakeConn()
    module.on_receive(conn, b"hello")
    assert conn.sent == ["Receive something\n"]


def test_the_two_commands_are_the_true_ones() -> None:
    """The first sets up and runs, the second tests: script, extra and file exist under the names they use."""
    run, test = blocks("sh")
    assert run == (
        "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/devserver sample_app/handlers.py\n"
    )
    assert test == "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest\n"
    assert PROJECT["scripts"] == {"devserver": "devserver.cli.command:main"}
    assert any(each.startswith("pytest>") for each in PROJECT["optional-dependencies"]["test"])
    assert (ROOT / "sample_app/handlers.py").is_file()
    assert test.strip() in (ROOT / ".ci/run").read_text("utf-8")


def test_every_handler_is_named_with_its_arguments() -> None:
    """README lists all handlers, and no other."""
    named = re.findall(r"`(on_\w+)\(([^)]*)\)`", README)
    assert {name: tuple(arguments.split(", ")) for name, arguments in named} == ARGUMENTS


@pytest.mark.parametrize("name", ["id", "peer", "transport", "send", "close", "state", "drain", "server"])
def test_conn_has_what_is_promised(name: str) -> None:
    """Each attribute that README gives `conn` is there."""
    assert re.search(rf"`(?:await )?(?:conn\.)?{name}\b", README)
    assert hasattr(Connection, name)


@pytest.mark.parametrize("name", ["connections", "send", "broadcast"])
def test_conn_server_has_what_is_promised(name: str) -> None:
    """Each attribute that README gives `conn.server` is there."""
    assert re.search(rf"`{name}\b", README)
    assert hasattr(Server, name)


def test_every_option_that_is_named_exists() -> None:
    """README advertises no flag that the command does not have; defaults that it names are the true ones."""
    options = {name: option for option in command.params for name in option.opts}
    of_commands = {
        opt for name in commands.COMMANDS for each in commands.load(name).params for opt in each.opts
    }
    named = set(re.findall(r"`(--[a-z-]+)", README)) - {"--help"}
    assert named
    assert named <= set(options) | of_commands
    assert isinstance(options["--stop-timeout"], click.Option)
    assert f"`--stop-timeout` ({options['--stop-timeout'].default:g} s)" in README


def test_every_link_leads_somewhere() -> None:
    """The pages that README points to are there."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link
