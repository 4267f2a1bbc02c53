"""`devserver check`: whether files compile, and with --import whether the app starts; nothing is served."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click
import msgspec

from devserver.cli.boot import starts
from devserver.cli.talk import NO, folder_of, say, write
from devserver.common import encoding
from devserver.common.errors import UsageError
from devserver.common.failure import Failure, Place
from devserver.control.protocol import VERSION
from devserver.reporting import plain
from devserver.watch.check.read import read
from devserver.watch.check.syntax import SyntaxChecker
from devserver.watch.scope.filters import Filters, gitignore_of
from devserver.watch.scope.tree import walk


class Checked(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="check"):
    """What `check --json` answers. `imported`: the app was started too, as far as it starts."""

    version: int = VERSION
    ok: bool
    files: int
    imported: bool
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--import", "boot", is_flag=True, help="Start the app as well, as devserver does, and end it.")
@click.option("--app", metavar="TARGET", help="What to start; default: what devserver alone serves here.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def check(paths: tuple[str, ...], boot: bool, app: str | None, as_json: bool) -> int:
    """Check that files compile: those of the project, or PATHs; nothing is served, no server is needed.

    With --import, whether the app starts: its imports, its start-up; it is asked nothing.
    Exit code 0: all is well. 1: something is broken, and shown.
    """
    start = partial(starts, [app] if app else []) if boot or app else None
    return run(paths or (os.curdir,), start, as_json)


def run(paths: Iterable[str], boot: Callable[[], tuple[Failure, ...]] | None, as_json: bool) -> int:
    """Check the files and folders; then, if all is well, `boot`. Return the exit code. Raises UsageError."""
    checker = SyntaxChecker()
    root = folder_of(None)
    failures: list[Failure] = []
    warnings: list[str] = []
    count = 0
    for path in dict.fromkeys(_files(paths)):
        count += 1
        content = read(path)
        if content.data is None:
            failures.append(_unreadable(path, content.error))
            continue
        found = checker.check(path, content.data)
        if found.failure is not None:
            failures.append(found.failure)
        warnings += [text for warning in found.warnings if (text := plain.line(warning, root))]
    imported = boot is not None and not failures
    if boot is not None and imported:
        failures.extend(boot())
    checked = Checked(
        ok=not failures,
        files=count,
        imported=imported,
        failures=tuple(failures),
        warnings=tuple(warnings),
    )
    _tell(checked, root, as_json)
    return NO if failures else 0


def _tell(found: Checked, root: str, as_json: bool) -> None:
    if as_json:
        write(encoding.encode(msgspec.json.Encoder(), found).decode() + "\n")
        return
    for warning in found.warnings:
        say(warning.removeprefix(plain.PREFIX))
    for failure in found.failures:
        say(plain.failure_text(failure, root) + "\n")
    files = f"{found.files} file" + ("s" if found.files != 1 else "")
    if found.failures:
        say(f"{len(found.failures)} of {files} broken" if not found.imported else "the app does not start")
    else:
        say(f"{files} checked, no errors" + (", and the app starts" if found.imported else ""))


def _files(paths: Iterable[str]) -> Iterator[str]:
    for name in paths:
        path = os.path.realpath(name)
        if os.path.isdir(path):
            filters = Filters(path, gitignore=gitignore_of(path))
            for folder in walk([path], filters, lambda _path: None):
                yield from sorted(file for file in folder.files if file.endswith(".py"))
        elif os.path.exists(path):
            yield path
        else:
            raise UsageError(f"there is no {name}: check the path")


def _unreadable(path: str, error: str) -> Failure:
    return Failure("check", "OSError", f"cannot be read: {error or 'it is no regular file'}", Place(path, 1))
