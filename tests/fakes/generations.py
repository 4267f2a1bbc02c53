"""Builds the book of generations as it is in the middle of a run, and files to put into it."""

from __future__ import annotations

from devserver.common.failure import Failure
from devserver.ipc.messages import BootDone, Source, WorkerForked
from devserver.master.reload.commands import Boot, Booted, Command, GoLive
from devserver.master.reload.generations import Generations

TYPO = Failure(phase="check", type="SyntaxError", message="invalid syntax")
CRASH = Failure(phase="import", type="ImportError", message="no")
PORT = Failure(phase="start-up", type="OSError", message="in use")


def file(path: str, text: str) -> Source:
    """Return a file's state; no text: the file is absent."""
    return Source(path, text.encode(), text.encode() if text else None)


def running(**files: str) -> Generations:
    """Return a book in which generation 1 is live and has read these files."""
    book = Generations()
    assert [type(command) for command in book.start()] == [Boot]
    for path, text in files.items():
        assert book.on_file_loaded(1, file(path, text))
    assert book.on_files_used(1, files) == []
    assert ready(book, 1) == [live(1, 0, (), first=True)]
    return book


def booted(generation: int) -> Booted:
    """Return the report of a generation's first Worker that is ready."""
    worker = 100 + generation
    return Booted(BootDone(worker, generation, ("on_receive",)), WorkerForked(worker, 1, generation, 4711))


def ready(book: Generations, generation: int) -> list[Command]:
    """Let a Worker of a generation be ready; return the commands."""
    return book.on_worker_ready(booted(generation))


def live(generation: int, edit: int, paths: tuple[str, ...], *, first: bool = False) -> GoLive:
    """Return the command that follows when a candidate is ready."""
    return GoLive(generation, edit, paths, first, booted(generation))


def edit(book: Generations, number: int, *files: Source, **failures: Failure) -> list[Command]:
    """Let an edit begin and settle; return the commands."""
    book.on_edit_noticed(number)
    return book.on_edit_checked(number, files, failures)
