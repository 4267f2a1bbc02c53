"""The servers that the duel compares, how each is started with reloading on, and what each cannot do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol


class Served(Protocol):
    """An app: `target` is for devserver, `name` for the others."""

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str: ...


Command = Callable[[Served, int, int], list[str]]
"""From an app, a port and a number of Workers to the command, less the interpreter."""


@dataclass(frozen=True)
class Peer:
    """A server. `many` says what it does with more than one Worker: "" for nothing that is special."""

    name: str
    distribution: str
    interfaces: tuple[str, ...]
    command: Command
    many: str = ""
    needs: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Modules that it would not have if it was installed alone, and that change how it reloads."""

    @property
    def title(self) -> str:
        """Return the name with the version."""
        return f"{self.name} {version(self.distribution)}"

    def start_with(self, app: Served, port: int, workers: int) -> list[str]:
        """Return the whole command."""
        return [sys.executable, *self.command(app, port, workers)]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return variables that let the hidden modules be missing, by a folder that it makes in `folder`."""
        if not self.hidden:
            return {}
        first = folder / "hidden"
        first.mkdir(exist_ok=True)
        for name in self.hidden:
            (first / f"{name}.py").write_text(f"raise ModuleNotFoundError({name!r}, name={name!r})\n")
        return {"PYTHONPATH": str(first)}


def version(distribution: str) -> str:
    """Return what is installed, or "" for nothing."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def missing(needs: tuple[str, ...]) -> list[str]:
    """Return which of these distributions are not installed."""
    return [name for name in needs if not version(name)]


def _devserver(app: Served, port: int, workers: int) -> list[str]:
    many = ["--workers", str(workers)] if workers > 1 else []
    return ["-m", "devserver", "--port", str(port), *many, app.target]


def _uvicorn(app: Served, port: int, workers: int) -> list[str]:
    more = ["--workers", str(workers)] if workers > 1 else ["--reload"]
    return ["-m", "uvicorn", "--port", str(port), *more, app.name]


def _granian(app: Served, port: int, workers: int) -> list[str]:
    options = ["--interface", "asgi", "--port", str(port), "--workers", str(workers), "--reload"]
    return ["-m", "granian", *options, app.name]


def _hypercorn(app: Served, port: int, workers: int) -> list[str]:
    return ["-m", "hypercorn", "--bind", f"127.0.0.1:{port}", "-w", str(workers), "--reload", app.name]


def _gunicorn(app: Served, port: int, workers: int) -> list[str]:
    options = ["--bind", f"127.0.0.1:{port}", "-w", str(workers), "-k", "asgi", "--reload"]
    return ["-m", "gunicorn", *options, app.name]


def _uvicorn_hmr(app: Served, port: int, workers: int) -> list[str]:
    return ["-m", "uvicorn_hmr", app.name, "--port", str(port)]


def _flask(app: Served, port: int, workers: int) -> list[str]:
    return ["-m", "flask", "--app", app.name, "--debug", "run", "--port", str(port)]


def _runserver(app: Served, port: int, workers: int) -> list[str]:
    return ["manage.py", "runserver", f"127.0.0.1:{port}"]


ONE_ONLY = "has one only"
DEVSERVER = Peer("devserver", "devserver", ("asgi", "flask", "django"), _devserver)
UVICORN_HMR = Peer("uvicorn-hmr", "uvicorn-hmr", ("asgi",), _uvicorn_hmr, ONE_ONLY)
PEERS = (
    DEVSERVER,
    Peer("uvicorn", "uvicorn", ("asgi",), _uvicorn, "without reload", ("watchfiles",)),
    UVICORN_HMR,
    Peer("granian", "granian", ("asgi",), _granian, needs=("watchfiles",)),
    Peer("hypercorn", "hypercorn", ("asgi",), _hypercorn),
    Peer("gunicorn", "gunicorn", ("asgi",), _gunicorn),
    Peer("flask run", "flask", ("flask",), _flask, ONE_ONLY, hidden=("watchdog",)),
    Peer("runserver", "django", ("django",), _runserver, ONE_ONLY),
)
