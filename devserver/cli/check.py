"""`devserver check`: do the files compile; with --import, does the app start; with --cold, does a swap of
its functions equal a cold start? Nothing is served.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click
import msgspec

from devserver.cli import cold_check
from devserver.cli.output import NO, write, write_line
from devserver.cli.selected_server import folder_of
from devserver.cli.start_check import starts
from devserver.common import encoding
from devserver.common.errors import UsageError
from devserver.common.failure import Failure, Place
from devserver.control.protocol import VERSION
from devserver.ipc.cold_check_messages import Found
from devserver.reporting import plain
from devserver.reporting.wording import plural, relative
from devserver.watch.check.read import read
from devserver.watch.check.syntax import SyntaxChecker
from devserver.watch.scope.filters import Filters, gitignore_of
from devserver.watch.scope.tree import walk


class Checked(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="check"):
    """The answer of `check --json`.

    `imported`: the app was started, too. `cold`: the comparison with a cold start.
    """

    version: int = VERSION
    ok: bool
    files: int
    imported: bool
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    cold: Found | None = None


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--import", "boot", is_flag=True, help="Start the app as well, as devserver does, and end it.")
@click.option(
    "--cold",
    "compared",
    is_flag=True,
    help="Then swap every function of the app, and compare it with a cold start.",
)
@click.option("--app", metavar="TARGET", help="The app to start; default: as devserver without arguments.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def check(paths: tuple[str, ...], boot: bool, compared: bool, app: str | None, as_json: bool) -> int:
    """Check that the project's files, or PATHs, compile. No server is needed, nothing is served.

    With --import, also import and start the app, without a request. With --cold, also compare a save that
    swaps functions (--warm) with a cold start.
    Exit code 0: no errors. 1: errors, which are shown.
    """
    target = [app] if app else []
    start = partial(starts, target) if boot or compared or app else None
    compare = partial(cold_check.compare, target) if compared else None
    return run(paths or (os.curdir,), start, compare, as_json)


def run(
    paths: Iterable[str],
    boot: Callable[[], tuple[Failure, ...]] | None,
    compare: Callable[[], Found] | None,
    as_json: bool,
) -> int:
    """Check the files and folders; then `boot` and `compare`, each if no error was found before.

    Return the exit code. Raises UsageError.
    """
    root = folder_of(None)
    count, failures, warnings = _compile(paths, root)
    imported = boot is not None and not failures
    if boot is not None and imported:
        failures.extend(boot())
    found_cold = compare() if compare is not None and not failures else None
    well = not failures and (found_cold is None or not (found_cold.differences or found_cold.error))
    checked = Checked(
        ok=well,
        files=count,
        imported=imported,
        failures=tuple(failures),
        warnings=tuple(warnings),
        cold=found_cold,
    )
    _write_result(checked, root, as_json)
    return 0 if well else NO


def _compile(paths: Iterable[str], root: str) -> tuple[int, list[Failure], list[str]]:
    """Return how many files were compiled, what failed, and the warnings."""
    checker = SyntaxChecker()
    failures: list[Failure] = []
    warnings: list[str] = []
    files = list(dict.fromkeys(_files(paths)))
    for path in files:
        content = read(path)
        if content.data is None:
            failures.append(_unreadable(path, content.error))
            continue
        found = checker.check(path, content.data)
        if found.failure is not None:
            failures.append(found.failure)
        warnings += [text for warning in found.warnings if (text := plain.line(warning, root))]
    return len(files), failures, warnings


def _write_result(found: Checked, root: str, as_json: bool) -> None:
    if as_json:
        write(encoding.encode(msgspec.json.Encoder(), found).decode() + "\n")
        return
    for warning in found.warnings:
        write_line(warning.removeprefix(plain.PREFIX))
    for failure in found.failures:
        write_line(plain.failure_text(failure, root) + "\n")
    files = plural(found.files, "file")
    if found.failures:
        write_line(
            f"{len(found.failures)} of {files} broken" if not found.imported else "the app does not start"
        )
    else:
        write_line(f"{files} checked, no errors" + (", and the app starts" if found.imported else ""))
    if found.cold is not None:
        _write_comparison(found.cold, root)


def _write_comparison(found: Found, root: str) -> None:
    if found.error:
        write_line(f"the app cannot be compared with a cold start: {found.error}")
        return
    reasons = set(found.left_out.values())
    if not found.compared and len(reasons) == 1:
        write_line(f"no file of this app is swapped, each save imports everything: {reasons.pop()}")
        return
    for path, reason in sorted(found.left_out.items()):
        write_line(f"{relative(path, root)} is never swapped, a save of it imports everything: {reason}")
    for difference in found.differences:
        write_line(f"differs from a cold start: {difference}")
    files = plural(found.compared, "file")
    if found.differences:
        write_line(f"a swap of {files} is no cold start: serve this app with --warm off")
    else:
        write_line(f"a swap of {files} equals a cold start")


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
            raise UsageError(f"there is no file or folder {name}: check the path")


def _unreadable(path: str, error: str) -> Failure:
    return Failure("check", "OSError", f"cannot be read: {error or 'it is no regular file'}", Place(path, 1))
